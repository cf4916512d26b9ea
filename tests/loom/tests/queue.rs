//! No call is left unanswered, whatever comes between which steps of its caller, of the task of its
//! connection, and of others that it is woken by.

#[test]
fn calls_of_several_threads_are_sent_and_answered() {
    interleavings::calls_are_answered();
}

#[test]
fn calls_whose_requests_fail_are_told() {
    interleavings::calls_whose_requests_fail_are_told();
}

#[test]
fn calls_that_cannot_be_sent_yet_are_sent_when_they_can_be_though_no_more_come() {
    interleavings::blocked_calls_are_sent_later();
}

#[test]
fn calls_that_are_given_up_are_let_go() {
    interleavings::calls_that_are_given_up_are_let_go();
}

#[test]
fn calls_that_are_handed_to_a_connection_while_it_ends_are_answered() {
    interleavings::calls_for_a_connection_that_ends_are_answered();
}

#[test]
fn calls_that_fail_while_their_connection_ends_are_answered() {
    interleavings::calls_of_a_connection_that_ends_are_answered();
}
