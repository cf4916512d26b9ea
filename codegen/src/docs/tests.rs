use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

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
    assert_eq!(doc(" It was in\n 2019. Then"), "It was in\n2019\\. Then");
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

/// What comments are put together from.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "\n", "\n", "\n", "\n\n", " ", "    ", "     ", "\t", "word", "- ", "* ", "1. ", "7) ", "> ",
    "# ", "```", "```rust", "~~~", "`", "``", "[", "]", "[a]", "[a](b)", "[a][b]", "[a]: b",
    "<b>", "<", ">", "</b>", "<!--", "&lt;", "\\", "https://a.b/c", "http://", "(", ")", ".", "*",
    "_", "[x](https://a.b)", "<https://a.b>", "---", "===", "|", "!", "![i](j)", "\u{202e}", "é",
];

/// Whatever is put together, the parser that rustdoc uses finds nothing in it that could harm.
#[test]
fn no_combination_of_markup_gets_through() {
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let comment = (0..12).map(|_| {
            // Knuth's linear congruential generator: the same comments in every run.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            PARTS[(state >> 33) as usize % PARTS.len()]
        });
        let comment = comment.collect::<String>();
        let doc = doc(&comment);
        if let Some(harm) = harm_in(&doc) {
            panic!("{harm}\n--- comment\n{comment}\n--- doc\n{doc}\n---\n{comment:?}");
        }
    }
}

fn harm_in(doc: &str) -> Option<String> {
    let mut broken_link = None;
    let mut harm = None;
    let mut callback = |link: pulldown_cmark::BrokenLink| {
        broken_link = Some(format!("a link to the item `{}`", link.reference));
        None
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut text = String::new();
    let mut links = 0;
    for event in Parser::new_with_broken_link_callback(doc, options, Some(&mut callback)) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) if kind != CodeBlockKind::Fenced("text".into()) => {
                harm = Some(format!("a doctest: {kind:?}"));
            }
            Event::Start(Tag::CodeBlock(_)) => links += 1,
            Event::End(TagEnd::CodeBlock) => links -= 1,
            Event::Start(Tag::Link { dest_url, .. }) => {
                links += 1;
                if !dest_url.starts_with("http") {
                    harm = Some(format!("a link to `{dest_url}`"));
                }
            }
            Event::End(TagEnd::Link) => links -= 1,
            Event::Start(Tag::Image { .. }) => harm = Some("an image".to_owned()),
            Event::Html(html) | Event::InlineHtml(html) => harm = Some(format!("HTML: {html}")),
            Event::Text(part) if links == 0 => text.push_str(&part),
            _ => text.push('\n'),
        }
    }
    let bare = text.split_whitespace().any(|word| word.contains("https://a"));
    harm.or(broken_link).or_else(|| bare.then(|| format!("a bare address: {text}")))
}
