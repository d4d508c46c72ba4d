//! One run at a time in a repository: a lock on a file that the operating system releases whatever becomes of its holder.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::execute::cancel::Cancellation;

/// How often a lock that another process holds is tried.
const TICK: Duration = Duration::from_millis(100);

/// The right to run. It ends when this is dropped.
#[derive(Debug)]
pub struct Exclusive {
    _file: File,
}

impl Exclusive {
    /// Waits for the lock. `on_wait` is told once who holds it; `None` if the wait was cancelled.
    ///
    /// # Errors
    /// If the file cannot be made or locked.
    pub fn acquire(
        common_dir: &Path,
        cancellation: &Cancellation,
        on_wait: impl FnOnce(&str),
    ) -> io::Result<Option<Self>> {
        let folder = common_dir.join("buildplan");
        fs::create_dir_all(&folder)?;
        let path = folder.join("run.lock");
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut on_wait = Some(on_wait);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {}
            }
            if cancellation.is_raised() {
                return Ok(None);
            }
            if let Some(on_wait) = on_wait.take() {
                let mut holder = String::new();
                // Who holds it may be about to write.
                let _ = (&file).take(200).read_to_string(&mut holder);
                let holder: String = holder.chars().filter(|character| !character.is_control()).collect();
                on_wait(if holder.is_empty() { "another process" } else { &holder });
            }
            std::thread::sleep(TICK);
        }
        let holder = format!("process {} since {:.0}", std::process::id(), Timestamp::now());
        // It only serves to tell others; a full disk is no reason not to run.
        let _ = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(holder.as_bytes()));
        Ok(Some(Self { _file: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_after_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let cancellation = Cancellation::default();
        let first = Exclusive::acquire(folder.path(), &cancellation, |_| ()).unwrap().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                Exclusive::acquire(folder.path(), &cancellation, |holder| sender.send(holder.to_owned()).unwrap())
            });
            let holder = receiver.recv().unwrap();
            assert!(holder.starts_with(&format!("process {} since ", std::process::id())), "{holder}");
            drop(first);
            assert!(second.join().unwrap().unwrap().is_some());
        });
    }

    #[test]
    fn a_wait_can_be_cancelled() {
        let folder = tempfile::tempdir().unwrap();
        let cancellation = Cancellation::default();
        let _first = Exclusive::acquire(folder.path(), &cancellation, |_| ()).unwrap().unwrap();
        let second = Exclusive::acquire(folder.path(), &cancellation, |_| cancellation.raise()).unwrap();
        assert!(second.is_none());
    }
}
