//! Asks a slow question for many steps at once: whoever asks gets an answer that was begun after the question, and those
//! who ask while one is being found share the next.
//!
//! The answer is found on a thread of its own. On a worker of a rayon pool, whatever runs in parallel there would pick up
//! other work while it waits, such as a step that waits for this very answer.

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

impl<'v, T: Send + Sync> Verifier<'v, T> {
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
            let answer = std::thread::scope(|scope| scope.spawn(self.ask).join());
            let answer = Arc::new(answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
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
    fn an_answer_may_be_found_in_parallel_while_others_wait_for_it() {
        use rayon::prelude::*;

        let ask = || {
            let squares = (0..1000_u64).into_par_iter().map(|number| {
                std::thread::yield_now();
                number * number
            });
            squares.sum::<u64>()
        };
        let verifier = Verifier::new(&ask);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.in_place_scope(|scope| {
            for _ in 0..200 {
                scope.spawn(|_| assert_eq!(*verifier.answer(), 332_833_500));
            }
        });
    }

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
