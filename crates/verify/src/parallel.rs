//! Work on many items by all processors, with the results taken in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Items that one thread works on at a time.
const CHUNK: usize = 128;

/// Calls `work` for each item on any thread, and `take` for each result on
/// this one, in the items' order. The first error ends it.
pub(crate) fn for_each_in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let workers = processors.min(items.len() / CHUNK);
    if workers < 2 {
        return items.iter().try_for_each(|item| take(work(item)));
    }
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        // Bounded, so that results do not pile up before a slow taker.
        let (send, receive) = mpsc::sync_channel(8 * workers);
        for _ in 0..workers {
            let (send, next, work) = (send.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(chunk) = items.chunks(CHUNK).nth(number) else {
                        break;
                    };
                    let results: Vec<R> = chunk.iter().map(work).collect();
                    // Nobody listens any more once an error was found.
                    if send.send((number, results)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut early = BTreeMap::new();
        for wanted in 0..items.len().div_ceil(CHUNK) {
            let results = loop {
                if let Some(results) = early.remove(&wanted) {
                    break results;
                }
                let (number, results): (usize, Vec<R>) =
                    receive.recv().expect("a worker sends every chunk it took");
                early.insert(number, results);
            };
            results.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_their_number() {
        for count in [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK, 40 * CHUNK + 1] {
            let items: Vec<usize> = (0..count).collect();
            let mut taken = Vec::new();
            let result = for_each_in_order(
                &items,
                |item| item * 2,
                |double| {
                    taken.push(double / 2);
                    Ok::<_, ()>(())
                },
            );
            assert_eq!((result, taken), (Ok(()), items));
        }
    }

    #[test]
    fn the_first_error_ends_it() {
        let items: Vec<usize> = (0..100 * CHUNK).collect();
        let mut taken = 0;
        let result = for_each_in_order(
            &items,
            |item| *item,
            |item| {
                taken += 1;
                if item >= 70 { Err(item) } else { Ok(()) }
            },
        );
        assert_eq!((result, taken), (Err(70), 71));
    }
}
