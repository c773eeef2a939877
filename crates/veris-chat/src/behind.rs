//! Work on documents takes a processor for as long as it can get one, so it stands behind what serves answers.

use std::thread;

use rustix::process::nice;
use tokio::sync::oneshot;

/// Who reads an answer notices a delay of milliseconds, who has a document indexed does not.
pub(crate) const BEHIND: i32 = 19;

/// Does the work on a thread of its own, which any other that wants to run may interrupt. `None` where it panicked.
pub(crate) async fn behind<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = oneshot::channel();
    let thread = move || {
        // Linux takes it for this thread alone. Where it is refused the work is done all the same.
        let _ = nice(BEHIND);
        // Nobody waits any more when the server ends.
        let _ = done.send(work());
    };
    thread::Builder::new().name("documents".to_owned()).spawn(thread).ok()?;
    result.await.ok()
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn the_work_is_less_pressing_than_the_caller_and_a_panic_stays_there() {
        let own = || getpriority_process(None).unwrap();
        let before = own();
        assert_eq!(behind(own).await, Some(BEHIND));
        assert_eq!(own(), before);
        assert_eq!(behind(|| -> () { panic!("a test's own") }).await, None);
    }
}
