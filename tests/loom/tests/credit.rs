//! All credit comes back, and once, whoever reads how much of a stream.

#[test]
fn what_is_read_or_dropped_comes_back_as_credit_once() {
    interleavings::credit_comes_back_once();
}
