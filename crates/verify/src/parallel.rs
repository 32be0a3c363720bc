//! Work on many items by all processors, with the results taken in order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Gets chunks from `fill`, works on several at a time with `work`, and calls
/// `take` for each result in the items' order, one at a time.
///
/// `fill` says whether it filled the chunk: after `false` or an error it is not
/// called again. The first error ends it; what a chunk holds whose filling
/// failed is taken before that.
pub(crate) fn for_each_in_order<C: Default, R: Send, E: Send>(
    fill: impl FnMut(&mut C) -> Result<bool, E> + Send,
    work: impl Fn(&C) -> Vec<R> + Sync,
    take: impl FnMut(R) -> Result<(), E> + Send,
) -> Result<(), E> {
    let source = Mutex::new(Source {
        fill,
        filled: 0,
        ended: false,
    });
    let sink = Mutex::new(Sink {
        take,
        taken: 0,
        early: BTreeMap::new(),
        result: Ok(()),
    });
    // Whether there may be more to do.
    let step = |chunk: &mut C| {
        let Some((number, filled)) = lock(&source).next(chunk) else {
            return false;
        };
        let results = work(chunk);
        lock(&sink).add(number, results, filled)
    };
    // A few items are not worth a thread.
    let mut chunk = C::default();
    if step(&mut chunk) && step(&mut chunk) {
        thread::scope(|scope| {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            for _ in 1..processors {
                scope.spawn(|| {
                    let mut chunk = C::default();
                    while step(&mut chunk) {}
                });
            }
            while step(&mut chunk) {}
        });
    }
    sink.into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .result
}

/// A panic in here goes on when its thread is joined.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Source<F> {
    fill: F,
    filled: usize,
    ended: bool,
}

impl<F> Source<F> {
    /// Fills the next chunk, and says its number and how that went.
    fn next<C, E>(&mut self, chunk: &mut C) -> Option<(usize, Result<(), E>)>
    where
        F: FnMut(&mut C) -> Result<bool, E>,
    {
        if self.ended {
            return None;
        }
        let number = self.filled;
        self.filled += 1;
        let filled = (self.fill)(chunk);
        self.ended = !matches!(filled, Ok(true));
        match filled {
            Ok(false) => None,
            filled => Some((number, filled.map(|_| ()))),
        }
    }
}

struct Sink<F, R, E> {
    take: F,
    taken: usize,
    /// Chunks that wait for their turn.
    early: BTreeMap<usize, (Vec<R>, Result<(), E>)>,
    result: Result<(), E>,
}

impl<F: FnMut(R) -> Result<(), E>, R, E> Sink<F, R, E> {
    /// Takes everything whose turn it is with this chunk. Whether it goes on.
    fn add(&mut self, number: usize, results: Vec<R>, filled: Result<(), E>) -> bool {
        self.early.insert(number, (results, filled));
        while self.result.is_ok()
            && let Some((results, filled)) = self.early.remove(&self.taken)
        {
            self.taken += 1;
            self.result = results.into_iter().try_for_each(&mut self.take).and(filled);
        }
        self.result.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;

    const CHUNK: usize = 7;

    /// The numbers below `count`, doubled, up to what is refused.
    fn run(
        count: usize,
        broken: Option<usize>,
        refused: Option<usize>,
    ) -> (Vec<usize>, Result<(), usize>) {
        let (mut next, mut taken) = (0, Vec::new());
        let result = for_each_in_order(
            |chunk: &mut Range<usize>| {
                *chunk = next..count.min(next + CHUNK);
                if let Some(broken) = broken.filter(|broken| chunk.contains(broken)) {
                    chunk.end = broken;
                    return Err(broken);
                }
                next = chunk.end;
                Ok(chunk.start < chunk.end)
            },
            |chunk| chunk.clone().map(|item| 2 * item).collect(),
            |double| {
                taken.push(double / 2);
                match refused {
                    Some(refused) if refused == double / 2 => Err(refused),
                    _ => Ok(()),
                }
            },
        );
        (taken, result)
    }

    #[test]
    fn results_come_in_order_whatever_their_number() {
        for count in [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK, 1000 * CHUNK + 1] {
            assert_eq!(run(count, None, None), ((0..count).collect(), Ok(())));
        }
    }

    #[test]
    fn the_first_error_ends_it() {
        for refused in [0, CHUNK, 70, 699] {
            let wanted = ((0..=refused).collect(), Err(refused));
            assert_eq!(run(100 * CHUNK, None, Some(refused)), wanted);
        }
    }

    #[test]
    fn what_was_filled_before_an_error_is_taken_first() {
        for broken in [0, 1, CHUNK, 70, 699] {
            let wanted = ((0..broken).collect(), Err(broken));
            assert_eq!(run(100 * CHUNK, Some(broken), None), wanted);
            let refused = broken.saturating_sub(1);
            if refused < broken {
                let wanted = ((0..=refused).collect(), Err(refused));
                assert_eq!(run(100 * CHUNK, Some(broken), Some(refused)), wanted);
            }
        }
    }
}
