//! No wake-up of a connection's task is lost, whatever comes between which of its steps.

#[test]
fn nothing_that_a_task_is_woken_for_is_missed() {
    interleavings::nothing_is_missed();
}

#[test]
fn a_task_whose_connection_is_to_break_is_told() {
    interleavings::a_break_is_not_missed();
}
