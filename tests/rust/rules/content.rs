//! What may be stored: bounds, and refusals that say how to mend them.

use fleet_q::rules::content::*;
use fleet_q::rules::time::Millis;
use proptest::prelude::*;

type NameCheck = fn(&str) -> Result<(), ContentProblem>;
const NAME_CHECKS: [(NameCheck, Subject); 4] = [
    (check_task_name, Subject::TaskName),
    (check_queue_name, Subject::QueueName),
    (check_tag, Subject::Tag),
    (check_unique_key, Subject::UniqueKey),
];

fn fault<T: std::fmt::Debug>(checked: Result<T, ContentProblem>) -> Fault {
    checked.expect_err("it should have been refused").fault
}

#[test]
fn names_are_short_and_have_no_control_characters() {
    let longest = "é".repeat(NAME_CHARS_MAX);
    let too_long = format!("{longest}x");
    for (check, subject) in NAME_CHECKS {
        for good in ["a", "app.tasks:send", "größe ✓", "inv-42", &longest] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        let cases = [
            ("", Fault::Empty),
            (" \t", Fault::Empty),
            (too_long.as_str(), Fault::TooLong { chars: 201, max: 200 }),
            ("a\0", Fault::ControlCharacter { at: 1 }),
            ("é\nb", Fault::ControlCharacter { at: 1 }),
            ("\u{85}x", Fault::ControlCharacter { at: 0 }),
        ];
        for (bad, fault) in cases {
            assert_eq!(check(bad), Err(ContentProblem { subject, fault }), "{bad:?}");
        }
    }
}

#[test]
fn a_queue_cannot_be_named_as_all_the_others() {
    assert_eq!(fault(check_queue_name("*")), Fault::Reserved);
    assert_eq!(check_task_name("*"), Ok(()));
}

#[test]
fn a_step_has_few_tags_and_each_is_checked() {
    assert_eq!(check_tags(&vec!["a".to_owned(); TAGS_MAX]), Ok(()));
    assert_eq!(fault(check_tags(&vec!["a".to_owned(); TAGS_MAX + 1])), Fault::TooMany { count: 51, max: 50 });
    assert_eq!(fault(check_tags(&["a".to_owned(), String::new()])), Fault::Empty);
}

#[test]
fn integers_are_signed_64_bit() {
    let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
    assert_eq!([min, 0, max].map(check_integer), [Ok(i64::MIN), Ok(0), Ok(i64::MAX)]);
    for wide in [min - 1, max + 1, i128::MAX] {
        assert!(matches!(fault(check_integer(wide)), Fault::OutOfBounds { given, .. } if given == wide.to_string()));
    }
}

#[test]
fn an_integer_of_a_thousand_digits_is_refused_in_a_short_message() {
    let problem = integer_too_wide::<i64>(&"7".repeat(1000)).expect_err("too wide");
    assert!(problem.to_string().len() < 300, "{problem}");
}

#[test]
fn numbers_are_finite() {
    assert_eq!(check_number(-0.5), Ok(-0.5));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(fault(check_number(bad)), Fault::NotFinite);
    }
}

#[test]
fn texts_hold_no_nul() {
    assert_eq!(check_text("a\n\u{1}"), Ok(()));
    assert_eq!(fault(check_text("é\0")), Fault::Nul { at: 1 });
}

#[test]
fn values_nest_a_hundred_deep_and_no_deeper() {
    assert_eq!([0, 1, DEPTH_MAX].map(check_depth), [Ok(()), Ok(()), Ok(())]);
    assert_eq!(fault(check_depth(DEPTH_MAX + 1)), Fault::TooDeep { max: 100 });
}

#[test]
fn the_limit_itself_still_fits() {
    assert_eq!(check_size(1024, 1024), Ok(()));
    assert_eq!(fault(check_size(1025, 1024)), Fault::TooLarge { bytes: 1025, max: 1024 });
}

#[test]
fn priorities_are_32_bit() {
    let bounds = [i64::from(i32::MIN), 0, i64::from(i32::MAX)];
    assert_eq!(bounds.map(check_priority), [Ok(i32::MIN), Ok(0), Ok(i32::MAX)]);
    for bad in [i64::from(i32::MIN) - 1, i64::from(i32::MAX) + 1, i64::MAX] {
        assert!(matches!(fault(check_priority(bad)), Fault::OutOfBounds { .. }), "{bad}");
    }
}

#[test]
fn delays_reach_from_now_to_ten_years() {
    let cases = [(0.0, Millis(0)), (0.0001, Millis(1)), (1.5, Millis(1500)), (315_360_000.0, DELAY_MAX)];
    for (seconds, expected) in cases {
        assert_eq!(check_delay(seconds), Ok(expected), "{seconds}");
    }
    for bad in [-0.001, 315_360_001.0, f64::MAX] {
        assert!(matches!(fault(check_delay(bad)), Fault::OutOfBounds { .. }), "{bad}");
    }
    assert_eq!(fault(check_delay(f64::NAN)), Fault::NotFinite);
}

#[test]
fn every_refusal_names_what_and_how_to_mend_it() {
    let faults = [
        Fault::Empty,
        Fault::TooMany { count: 2, max: 1 },
        Fault::TooLong { chars: 2, max: 1 },
        Fault::ControlCharacter { at: 0 },
        Fault::Nul { at: 0 },
        Fault::Reserved,
        Fault::OutOfBounds { given: "3".into(), min: "1".into(), max: "2".into() },
        Fault::NotFinite,
        Fault::TooDeep { max: 1 },
        Fault::TooLarge { bytes: 2, max: 1 },
    ];
    for fault in faults {
        let text = ContentProblem { subject: Subject::QueueName, fault }.to_string();
        let (what, mend) = text.split_once(": ").expect("what is wrong, a colon, how to mend it");
        assert!(what.starts_with("the queue's name ") && mend.len() > 5, "{text}");
    }
}

#[test]
fn a_clipped_text_keeps_both_ends_and_says_how_much_is_gone() {
    let text = format!("Traceback{}ValueError", "x".repeat(1000));
    let clipped = clip(&text, 100);
    assert!(clipped.starts_with("Traceback") && clipped.ends_with("ValueError"), "{clipped}");
    assert!(clipped.contains("bytes cut"), "{clipped}");
}

#[test]
fn a_short_text_is_left_alone() {
    assert_eq!(clip("short", 5), "short");
    assert_eq!(clip("", 0), "");
}

proptest! {
    #[test]
    fn a_clipped_text_is_within_the_limit(text in ".{0,400}", limit in 0..500_usize) {
        let clipped = clip(&text, limit);
        prop_assert!(clipped.len() <= limit, "{} > {}", clipped.len(), limit);
        prop_assert!(text.len() > limit || clipped == text);
    }

    #[test]
    fn no_delay_is_shorter_than_asked(seconds in 0.0..315_360_000.0_f64) {
        prop_assert!(check_delay(seconds).is_ok_and(|delay| delay.as_secs_f64() >= seconds));
    }

    #[test]
    fn no_name_makes_a_check_panic(name in any::<String>()) {
        let _ = NAME_CHECKS.map(|(check, _)| check(&name).map_err(|problem| problem.to_string()));
    }
}
