//! Asks a slow question for many steps at once: whoever asks gets an answer that was begun after the question, and those
//! who ask while one is being found share the next.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A question with one answer for all who ask at about the same time.
pub struct Verifier<'v, T> {
    ask: &'v (dyn Fn() -> T + Sync),
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// How many answers were begun.
    begun: u64,
    /// The number of the newest answer, and the answer.
    newest: Option<(u64, Arc<T>)>,
    is_busy: bool,
}

impl<'v, T> Verifier<'v, T> {
    /// A verifier that asks like this.
    pub fn new(ask: &'v (dyn Fn() -> T + Sync)) -> Self {
        let state = State { begun: 0, newest: None, is_busy: false };
        Self { ask, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// An answer that was begun after this call was.
    pub fn answer(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = state.begun + 1;
        loop {
            if let Some((_, answer)) = state.newest.as_ref().filter(|(number, _)| *number >= wanted) {
                return Arc::clone(answer);
            }
            if state.is_busy {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.begun += 1;
            state.is_busy = true;
            let number = state.begun;
            drop(state);
            // Others must not wait for ever if asking panics.
            let reset = Reset { verifier: self };
            let answer = Arc::new((self.ask)());
            self.state.lock().unwrap_or_else(PoisonError::into_inner).newest = Some((number, Arc::clone(&answer)));
            drop(reset);
            return answer;
        }
    }
}

struct Reset<'r, 'v, T> {
    verifier: &'r Verifier<'v, T>,
}

impl<T> Drop for Reset<'_, '_, T> {
    fn drop(&mut self) {
        self.verifier.state.lock().unwrap_or_else(PoisonError::into_inner).is_busy = false;
        self.verifier.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_answer_is_begun_after_its_question_and_many_share_one() {
        let (changes, asked) = (AtomicU64::new(0), AtomicU64::new(0));
        let ask = || {
            asked.fetch_add(1, Ordering::SeqCst);
            let seen = changes.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            seen
        };
        let verifier = Verifier::new(&ask);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let changed = changes.fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(*verifier.answer() >= changed);
                    }
                });
            }
        });
        assert!(asked.load(Ordering::SeqCst) < 100);
    }
}
