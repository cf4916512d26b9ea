//! The generated matchers, and the patterns for their fields.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use rust_scaffold::mock::{
    Enum, IntoPattern, all_of, any_of, approx, contains, each, empty, entry, eq, ge, gt, le, len,
    lt, ne, near, none, not, some, starts_with, that, unordered,
};
use rust_scaffold_tests::matchers::{
    common::{self, Money},
    everything::{
        Colour, Request, RequestInner, Tree,
        everything_mock::{MockEverything, like},
        request::{Choice, Inner, Only, Size},
    },
    older::{Level, Older, Part, older as older_types},
};

use crate::messages::verdict_of;

/// Whether a request fits a matcher: a call of a mock tells.
async fn fits(request: &Request, matcher: impl IntoPattern<Request>) -> bool {
    let mock = MockEverything::new();
    mock.on_ask().with(matcher).returns(());
    let fits = mock.client().ask(request.clone()).await.is_ok();
    match fits {
        true => mock.verify(),
        false => drop(verdict_of(mock)),
    }
    fits
}

/// Expects the first matcher to fit and the second one not to.
async fn differ<A, B>(request: Request, fitting: A, other: B)
where
    A: IntoPattern<Request> + Debug,
    B: IntoPattern<Request> + Debug,
{
    let (shown, other_shown) = (format!("{fitting:?}"), format!("{other:?}"));
    assert!(fits(&request, fitting).await, "{shown} should fit {request:?}");
    assert!(!fits(&request, other).await, "{other_shown} should not fit {request:?}");
}

fn like() -> like::Request {
    like::Request::new()
}

fn request() -> Request {
    Request::default()
}

#[tokio::test]
async fn a_matcher_without_fields_fits_every_message() {
    assert!(fits(&request(), like()).await);
    assert!(fits(&Request { number: 1, ..request() }, like::Request::default()).await);
}

#[tokio::test]
async fn scalars_are_compared() {
    let numbers = Request { number: 5, wide: -1, count: 3, total: 4, ..request() };
    differ(numbers.clone(), like().number(5).wide(-1), like().number(5).wide(1)).await;
    differ(numbers.clone(), like().count(gt(2)).total(lt(5)), like().count(gt(3))).await;
    differ(numbers.clone(), like().count(ge(3)).total(le(4)), like().total(le(3))).await;
    differ(numbers.clone(), like().number(ne(4)), like().number(not(5))).await;
    differ(numbers.clone(), like().number(any_of([1, 5])), like().number(any_of([1, 2]))).await;
    let both = all_of([ge(5), ne(6)]);
    differ(numbers.clone(), like().number(both), like().number(all_of([ge(5), ne(5)]))).await;
    let odd = || that("odd", |number: &i32| number % 2 == 1);
    differ(numbers, like().number(odd()), like().number(not(odd()))).await;
    differ(Request { flag: true, ..request() }, like().flag(true), like().flag(eq(false))).await;
}

#[tokio::test]
async fn floats_are_compared_with_a_tolerance() {
    let floats = Request { part: 0.3, share: 0.1 + 0.2, ..request() };
    differ(floats.clone(), like().share(approx(0.3, 1e-9)), like().share(0.3)).await;
    differ(floats, like().part(approx(0.25, 0.1)), like().part(approx(0.5, 0.1))).await;
}

#[tokio::test]
async fn texts_and_bytes_are_given_in_any_form() {
    let request = Request { text: "hello".into(), raw: vec![1, 2, 3], ..request() };
    differ(request.clone(), like().text("hello"), like().text(String::from("hell"))).await;
    differ(request.clone(), like().text(contains("ell")), like().text(contains("x"))).await;
    differ(request.clone(), like().text(starts_with("he")), like().text(starts_with("e"))).await;
    differ(request.clone(), like().text(len(5)), like().text(empty())).await;
    differ(request.clone(), like().raw([1, 2, 3]), like().raw(vec![1, 2])).await;
    differ(request.clone(), like().raw(b"\x01\x02\x03"), like().raw([0_u8; 3])).await;
    let start = || starts_with(&b"\x01"[..]);
    differ(request, like().raw(start()), like().raw(not(start()))).await;
}

#[tokio::test]
async fn enums_are_given_by_value() {
    let red = Request { colour: Colour::Red.into(), ..request() };
    differ(red.clone(), like().colour(Colour::Red), like().colour(Colour::Blue)).await;
    let either = || any_of([Colour::Red, Colour::Blue]);
    differ(red, like().colour(either()), like().colour(not(either()))).await;
    let unknown = Request { colour: 42, ..request() };
    differ(unknown.clone(), like().colour(Enum::new(42)), like().colour(Colour::Red)).await;
    let mock = MockEverything::new();
    mock.on_ask().with(like().colour(Colour::Red)).returns(());
    mock.client().ask(unknown).await.unwrap_err();
    let verdict = verdict_of(mock);
    assert!(verdict.contains("colour: expected Red, got 42 (no value of the enum)"), "{verdict}");
}

#[tokio::test]
async fn what_is_optional_is_there_or_not() {
    let set = Request {
        perhaps_number: Some(0),
        perhaps_text: Some("x".into()),
        perhaps_raw: Some(vec![1]),
        perhaps_colour: Some(Colour::Blue.into()),
        ..request()
    };
    let there = like().perhaps_number(0).perhaps_text("x").perhaps_raw([1]);
    differ(set.clone(), there.perhaps_colour(Colour::Blue), like().perhaps_number(1)).await;
    differ(set, like().perhaps_number(some()), like().perhaps_number(none())).await;
    differ(request(), like().perhaps_text(none()), like().perhaps_text("")).await;
}

#[tokio::test]
async fn nested_messages_are_matched_by_their_fields_or_as_a_whole() {
    let inner = Inner { name: "a".into(), outer: Some(Box::new(request())) };
    let set = Request { inner: Some(Box::new(inner.clone())), ..request() };
    let named = |name: &str| like().inner(like::RequestInner_::new().name(name));
    differ(set.clone(), named("a"), named("b")).await;
    differ(set.clone(), like().inner(inner), like().inner(Inner::default())).await;
    let outer = |number: i32| like().inner(like::RequestInner_::new().outer(like().number(number)));
    differ(set, outer(0), outer(1)).await;
    differ(request(), like().inner(none()), named("")).await;
}

#[tokio::test]
async fn messages_of_other_packages_have_matchers_too() {
    let price = Money { currency: "EUR".into(), units: 5 };
    let set = Request { price: Some(price), clash: Some(RequestInner::default()), ..request() };
    let units = |units| like().price(like::Money::new().currency("EUR").units(units));
    differ(set.clone(), units(ge(5)), units(ge(6))).await;
    differ(set, like().clash(like::RequestInner::new().other(none())), like().clash(none())).await;
}

#[tokio::test]
async fn repeated_fields_have_lengths_and_elements() {
    let set = Request {
        numbers: vec![3, 1, 2],
        texts: vec!["a".into(), "b".into()],
        raws: vec![vec![1], vec![2]],
        sizes: vec![Size::Large.into(), 9],
        inners: vec![Inner { name: "x".into(), outer: None }],
        ..request()
    };
    differ(set.clone(), like().numbers([3, 1, 2]), like().numbers([1, 2, 3])).await;
    differ(set.clone(), like().numbers(unordered([1, 2, 3])), like().numbers(unordered([1, 2])))
        .await;
    let overlapping = || unordered([ge(1), ge(3), ge(2)]);
    differ(set.clone(), like().numbers(overlapping()), like().numbers(unordered([3, 3, 1]))).await;
    differ(set.clone(), like().numbers(len(3)), like().numbers(len(lt(3)))).await;
    differ(set.clone(), like().numbers(contains(2)), like().numbers(contains(4))).await;
    differ(set.clone(), like().numbers(each(ge(1))), like().numbers(each(ge(2)))).await;
    differ(set.clone(), like().numbers([ge(3), le(1), eq(2)]), like().numbers(vec![3, 1])).await;
    differ(set.clone(), like().texts(["a", "b"]), like().texts(["a"])).await;
    differ(set.clone(), like().raws([[1_u8], [2]]), like().raws([[1_u8], [3]])).await;
    let sizes = [Size::Large.into_pattern(), Enum::new(9).into_pattern()];
    differ(set.clone(), like().sizes(sizes), like().sizes(contains(Size::Unspecified))).await;
    let named = |name: &str| like().inners([like::RequestInner_::new().name(name)]);
    differ(set, named("x"), named("y")).await;
    differ(request(), like().numbers(empty()), like().numbers(not(empty()))).await;
}

#[tokio::test]
async fn maps_have_keys_and_entries() {
    let set = Request {
        counts: [("a".to_owned(), 1), ("b".to_owned(), 2)].into(),
        raw_by_id: [(7, vec![1])].into(),
        colours: [(true, Colour::Red.into())].into(),
        by_name: [("x".to_owned(), Inner::default())].into(),
        ..request()
    };
    differ(set.clone(), like().counts([("b", 2), ("a", 1)]), like().counts([("a", 1)])).await;
    differ(set.clone(), like().counts(entry("a", 1)), like().counts(entry("a", 2))).await;
    differ(set.clone(), like().counts(entry("b", ge(2))), like().counts(entry("a", none()))).await;
    differ(set.clone(), like().counts(contains("a")), like().counts(contains("c"))).await;
    differ(set.clone(), like().counts(len(2)), like().counts(empty())).await;
    differ(set.clone(), like().raw_by_id([(7, [1_u8])]), like().raw_by_id([(8, [1_u8])])).await;
    let coloured = |colour| like().colours([(true, colour)]);
    differ(set.clone(), coloured(Colour::Red), coloured(Colour::Blue)).await;
    let named = |name: &str| like().by_name(entry("x", like::RequestInner_::new().name(name)));
    differ(set, named(""), named("y")).await;
}

#[tokio::test]
async fn oneofs_are_matched_by_the_field_that_is_set_or_as_a_whole() {
    let word = Request { choice: Some(Choice::Word("w".into())), ..request() };
    differ(word.clone(), like().word("w"), like().word("x")).await;
    differ(word.clone(), like().word(some()), like().size(some())).await;
    differ(word.clone(), like().choice(Choice::Word("w".into())), like().choice(none())).await;
    let size = Request { choice: Some(Choice::Size(Size::Large.into())), ..request() };
    differ(size, like().size(Size::Large), like().size(Size::Unspecified)).await;
    let nested = Choice::Nested(Box::new(Inner { name: "n".into(), outer: None }));
    let nested = Request { choice: Some(nested), ..request() };
    let named = |name: &str| like().nested(like::RequestInner_::new().name(name));
    differ(nested, named("n"), named("m")).await;
    let blob = Request { choice: Some(Choice::Blob(vec![1])), ..request() };
    differ(blob, like().blob([1]), like().blob(none())).await;
    let one = Request { only: Some(Only::One(1)), ..request() };
    differ(one, like().one(1), like().only(none())).await;
    differ(request(), like().choice(none()).only(none()), like().word("")).await;
}

#[tokio::test]
async fn times_are_compared_with_a_tolerance() {
    let now = SystemTime::now();
    let second = Duration::from_secs(1);
    let set = Request {
        at: Some((now + second).into()),
        span: Some(rust_scaffold::prost_types::Duration { seconds: 60, nanos: 0 }),
        ..request()
    };
    differ(set.clone(), like().at(near(now, second)), like().at(near(now, second / 2))).await;
    let minute = 60 * second;
    differ(
        set.clone(),
        like().span(near(minute, Duration::ZERO)),
        like().span(near(second, second)),
    )
    .await;
    differ(set, like().at(some()), like().at(none())).await;
}

#[tokio::test]
async fn wrappers_are_what_they_wrap() {
    let set = Request {
        boxed_number: Some(5),
        boxed_raw: Some(vec![1]),
        boxed_texts: vec!["a".into()],
        ..request()
    };
    let all = like().boxed_number(5).boxed_raw([1]).boxed_texts(["a"]);
    differ(set, all, like().boxed_number(6)).await;
}

#[tokio::test]
async fn recursive_messages_are_matched_to_any_depth() {
    let leaf = Tree::default();
    let tree = Tree { left: Some(Box::new(leaf.clone())), rest: vec![leaf], kind: None };
    let set = Request { tree: Some(tree), ..request() };
    let depth = |rest| like().tree(like::Tree::new().left(like::Tree::new().rest(len(rest))));
    differ(set, depth(0), depth(1)).await;
}

#[tokio::test]
async fn fields_with_the_names_of_keywords_have_matchers() {
    let set = Request { new: "n".into(), r#type: "t".into(), self_: "s".into(), ..request() };
    differ(set, like().new_("n").r#type("t").self_("s"), like().self_("")).await;
}

#[tokio::test]
async fn messages_of_proto2_are_matched_too() {
    let older = Older {
        id: "i".into(),
        count: None,
        part: Part { levels: vec![Level::High.into()] },
        extra: Some(older_types::Extra { on: Some(true) }),
        kind: Some(older_types::KindOneOf::Level(Level::Low.into())),
    };
    let mock = MockEverything::new();
    mock.expect_old()
        .with(
            like::Older::new()
                .id("i")
                .count(none())
                .part(like::Part::new().levels([Level::High]))
                .extra(like::OlderExtra::new().on(true))
                .level(Level::Low),
        )
        .returns("yes".to_owned());
    assert_eq!(mock.client().old(older).await.unwrap().into_inner(), "yes");
}

#[tokio::test]
async fn messages_of_one_name_in_several_packages_have_matchers_of_their_own() {
    let inner = common::Inner { request: Some(common::Request { limit: 3 }), money: None };
    let clash = RequestInner { other: Some(inner) };
    let limit = |limit: i32| {
        let inner = like::Inner::new().request(like::Request_::new().limit(limit));
        like().clash(like::RequestInner::new().other(inner))
    };
    differ(Request { clash: Some(clash), ..request() }, limit(3), limit(4)).await;
    // The other `Tree` is in the same file as what requests are made of.
    let tree = Tree { rest: vec![Tree::default()], ..Tree::default() };
    let rest = |count| like().tree(like::Tree::new().rest(len(count)));
    differ(Request { tree: Some(tree), ..request() }, rest(1), rest(2)).await;
}
