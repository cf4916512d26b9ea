//! Explores every interleaving of threads' steps, to test shared state.

/// What a thread did in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Went,
    /// It is blocked until another thread takes a step.
    Waits,
    Done,
}

/// A thread. Each call is one atomic step.
pub(crate) type Thread = Box<dyn FnMut() -> Step>;

/// Runs the threads of `scenario` to completion in every order. Returns the number of orders.
///
/// # Panics
/// If the threads deadlock.
pub(crate) fn explore(mut scenario: impl FnMut() -> Vec<Thread>) -> usize {
    // The choices of the last run: the index of the thread that ran, and how many were runnable.
    let mut turns: Vec<(usize, usize)> = Vec::new();
    for runs in 1.. {
        run(&mut scenario(), &mut turns);
        while turns.last().is_some_and(|(taken, of)| taken + 1 == *of) {
            turns.pop();
        }
        match turns.last_mut() {
            Some((taken, _)) => *taken += 1,
            None => return runs,
        }
    }
    0
}

fn run(threads: &mut [Thread], turns: &mut Vec<(usize, usize)>) {
    let mut waiting = vec![false; threads.len()];
    let mut done = vec![false; threads.len()];
    for turn in 0.. {
        let able: Vec<_> = (0..threads.len()).filter(|it| !done[*it] && !waiting[*it]).collect();
        if able.is_empty() {
            assert!(done.iter().all(|done| *done), "threads wait for ever after {turns:?}");
            return;
        }
        if turn == turns.len() {
            turns.push((0, able.len()));
        }
        let thread = able[turns[turn].0];
        match threads[thread]() {
            Step::Waits => waiting[thread] = true,
            went => {
                done[thread] = went == Step::Done;
                waiting.fill(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    fn counting(steps: usize) -> Thread {
        let mut left = steps;
        Box::new(move || {
            left -= 1;
            if left == 0 { Step::Done } else { Step::Went }
        })
    }

    #[test]
    fn every_order_comes_once() {
        assert_eq!(explore(|| vec![counting(2), counting(2)]), 6);
        assert_eq!(explore(|| vec![counting(1), counting(1), counting(1)]), 6);
    }

    #[test]
    #[should_panic(expected = "threads wait for ever")]
    fn a_wake_up_that_is_lost_is_found() {
        explore(|| {
            let is_set = Rc::new(Cell::new(false));
            let flag = Rc::clone(&is_set);
            let mut seen = None;
            let waits: Thread = Box::new(move || match seen {
                None => {
                    seen = Some(flag.get());
                    Step::Went
                }
                // It does not check again: this is the lost wake-up.
                Some(false) => Step::Waits,
                Some(true) => Step::Done,
            });
            let sets: Thread = Box::new(move || {
                is_set.set(true);
                Step::Done
            });
            vec![waits, sets]
        });
    }
}
