//! Ids: they read back, sort by time, and refuse everything else.

use fleet_q::rules::step::{ClaimId, PodId, StepId};
use proptest::prelude::*;

use super::step_id;

const TEXT: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

fn version_and_variant(bytes: [u8; 16]) -> (u8, u8) {
    (bytes[6] >> 4, bytes[8] >> 6)
}

#[test]
fn an_id_is_spelled_as_a_uuid() {
    let bytes = [0x01, 0x90, 0x16, 0x3d, 0x86, 0x94, 0x73, 0x9b, 0xae, 0xa5, 0x96, 0x6c, 0x26, 0xf8, 0xad, 0x91];
    assert_eq!(StepId(bytes).to_string(), TEXT);
    assert_eq!(TEXT.parse(), Ok(StepId(bytes)));
    assert_eq!(StepId([0; 16]).to_string(), "00000000-0000-0000-0000-000000000000");
}

#[test]
fn the_prefix_of_the_seeds_and_upper_case_are_accepted() {
    let id: StepId = TEXT.parse().expect("a UUID");
    assert_eq!(format!("step-{TEXT}").parse(), Ok(id));
    assert_eq!(TEXT.to_uppercase().parse(), Ok(id));
}

#[test]
fn bad_texts_are_refused_and_named() {
    let long = "9".repeat(500);
    let bad = [
        "",
        "step-",
        "0190163d8694739baea5966c26f8ad91",
        "0190163d-8694-739b-aea5-966c26f8ad9",
        "0190163d-8694-739b-aea5-966c26f8ad911",
        "0190163g-8694-739b-aea5-966c26f8ad91",
        "+190163d-8694-739b-aea5-966c26f8ad91",
        " 0190163d-8694-739b-aea5-966c26f8ad91",
        "step-step-0190163d-8694-739b-aea5-966c26f8ad91",
        "Step-0190163d-8694-739b-aea5-966c26f8ad91",
        "0190163d-8694-739b-aea5-966c26f8adé",
        "0190163d86-94-739b-aea5-966c26f8ad91",
        "------------------------------------",
        "' or 1=1 --",
        &long,
    ];
    for text in bad {
        let error = text.parse::<StepId>().expect_err(text).to_string();
        assert!(error.contains("is not an id") && error.len() < 200, "{error}");
    }
}

#[test]
fn a_pod_id_is_the_name_and_eight_hex_digits() {
    assert_eq!(PodId::mint("web", [0, 0xab, 1, 2]).as_str(), "web-00ab0102");
    assert_eq!(PodId::from("web-00ab0102"), PodId::mint("web", [0, 0xab, 1, 2]));
}

proptest! {
    #[test]
    fn every_id_reads_back(id in step_id()) {
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(ClaimId(id.0).to_string().parse(), Ok(ClaimId(id.0)));
    }

    #[test]
    fn ids_sort_as_their_texts(a in step_id(), b in step_id()) {
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn step_ids_are_uuids_of_version_7_and_sort_by_their_moment(
        early in 0..(1_u64 << 48) - 1, later in 1..1000_u64, a in any::<[u8; 10]>(), b in any::<[u8; 10]>(),
    ) {
        let late = (early + later).min((1 << 48) - 1);
        prop_assert!(StepId::v7(early, a) < StepId::v7(late, b));
        prop_assert_eq!(version_and_variant(StepId::v7(early, a).0), (7, 2));
    }

    #[test]
    fn claim_ids_are_uuids_of_version_4(random in any::<[u8; 16]>()) {
        prop_assert_eq!(version_and_variant(ClaimId::v4(random).0), (4, 2));
    }

    #[test]
    fn no_text_makes_parsing_panic(text in any::<String>()) {
        let _ = text.parse::<StepId>();
    }

    #[test]
    fn a_text_of_the_right_length_never_panics(text in "[0-9a-fA-F+é-]{34,36}") {
        if let Ok(id) = text.parse::<StepId>() {
            prop_assert_eq!(id.to_string(), text.to_lowercase());
        }
    }
}

proptest! {
    #[test]
    fn ids_of_one_producer_sort_as_they_were_minted(
        draws in prop::collection::vec((0_u64..4, any::<[u8; 10]>()), 2..60),
        start in 0_u64..(1 << 47),
    ) {
        let mut last = StepId([0; 16]);
        for (ms, random) in draws {
            let next = StepId::v7_after(last, start + ms, random);
            prop_assert!(next > last);
            prop_assert_eq!(version_and_variant(next.0), (7, 2));
            last = next;
        }
    }

    #[test]
    fn a_full_millisecond_borrows_the_next(ms in 1_u64..(1 << 47), random in any::<[u8; 10]>()) {
        let full = StepId::v7(ms, [0xff; 10]);
        let next = StepId::v7_after(full, ms, random);
        prop_assert!(next > full);
        prop_assert_eq!(version_and_variant(next.0), (7, 2));
        prop_assert!(next <= StepId::v7(ms + 1, [0xff; 10]));
    }
}
