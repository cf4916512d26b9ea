use super::from_comments;

fn doc(comment: &str) -> String {
    from_comments(comment, "").join("\n")
}

#[test]
fn text_stays_as_it_is() {
    assert_eq!(
        doc(" The sum of two numbers.\n\n See `Query.limit`.\n"),
        "The sum of two numbers.\n\nSee `Query.limit`."
    );
    assert_eq!(from_comments(" before\n", " behind\n"), ["before", "", "behind"]);
    assert!(from_comments(" \n", "").is_empty());
}

#[test]
fn code_never_becomes_a_doctest() {
    assert_eq!(doc(" ```rust\n panic!()\n ```"), "```text\npanic!()\n```");
    assert_eq!(doc(" ~~~\n a\n"), "~~~text\na\n~~~");
    assert_eq!(doc(" So:\n\n     panic!()\n\n That."), "So:\n\n```text\npanic!()\n```\n\nThat.");
    assert_eq!(doc(" # Title\n     panic!()"), "# Title\n```text\npanic!()\n```");
    assert_eq!(doc(" > ```rust\n"), "> \\`\\`\\`rust");
    assert_eq!(doc(" -     panic!()"), "- panic!()");
}

#[test]
fn code_in_a_list_item_is_fenced_in_the_item() {
    assert_eq!(
        doc(" - so:\n\n       panic!()\n - end"),
        "- so:\n\n  ```text\n  panic!()\n  ```\n- end"
    );
}

#[test]
fn a_list_item_goes_on_under_its_text() {
    assert_eq!(doc(" - one\n two\n - three\n     four"), "- one\n  two\n- three\n  four");
    assert_eq!(doc(" > one\n two"), "> one\n> two");
    assert_eq!(doc(" It was in\n 2019. Then"), "It was in\n2019. Then");
}

#[test]
fn addresses_become_links_and_links_stay() {
    assert_eq!(doc(" See https://example.com/a."), "See <https://example.com/a>.");
    assert_eq!(doc(" (https://example.com)"), "(<https://example.com>)");
    assert_eq!(doc(" <https://example.com>"), "<https://example.com>");
    assert_eq!(doc(" [docs](https://example.com)"), "[docs](https://example.com)");
    assert_eq!(doc(" `https://example.com`"), "`https://example.com`");
}

#[test]
fn what_rustdoc_would_resolve_or_render_is_escaped() {
    assert_eq!(
        doc(" [Order][shop.Order] [x](Order)"),
        "\\[Order\\]\\[shop.Order\\] \\[x\\](Order)"
    );
    assert_eq!(doc(" a map<string, T> <script>"), "a map\\<string, T> \\<script>");
    assert_eq!(doc(" an `open span <T>"), "an \\`open span \\<T>");
    assert_eq!(doc(" \\[done\\]"), "\\[done\\]");
}

#[test]
fn hidden_characters_are_gone() {
    assert_eq!(doc(" a\u{202e}b\rc\u{0}\td"), "ab\nc    d");
}
