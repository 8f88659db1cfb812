//! Judges which server this is: the product, its version, and whether it takes writes.

use super::facts::{Fact, Server};
use super::{Area, Finding, Kind, known};

const OLDEST: u32 = 130_000;
const UNFROZEN: u64 = 1_500_000_000;

/// What a product is known by, and what is known of it.
struct Product {
    name: &'static str,
    is: fn(&Server) -> bool,
    known: &'static str,
}

const PRODUCTS: &[Product] = &[
    Product {
        name: "CockroachDB",
        is: |server| server.version.contains("CockroachDB"),
        known: "it has no LISTEN (say listen=off), and transactions end with 40001 more often",
    },
    Product {
        name: "YugabyteDB",
        is: |server| server.version.contains("-YB-"),
        known: "LISTEN and advisory locks came late and may be switched off there",
    },
    Product {
        name: "Amazon Redshift",
        is: |server| server.version.contains("Redshift"),
        known: "it has no row locks: a queue cannot work on it",
    },
    Product {
        name: "Amazon Aurora",
        is: |server| server.marks.iter().any(|mark| mark == "aurora_version"),
        known: "its storage answers for durability, whatever fsync says; use the writer's endpoint",
    },
    Product {
        name: "AlloyDB",
        is: |server| {
            server.marks.iter().any(|mark| mark.starts_with("alloydb") || mark.starts_with("google_columnar_engine"))
        },
        known: "it is Postgres above storage and an autovacuum of its own",
    },
    Product {
        name: "Citus",
        is: |server| server.extensions.iter().any(|extension| extension == "citus"),
        known: "keep both tables local: claims lock rows in an order that goes over all shards",
    },
];

pub(super) fn judge(server: &Fact<Server>) -> Vec<Finding> {
    known(Area::Server, "the server's version", server, |server| {
        let mut findings = vec![product(server)];
        if let Some(number) = server.number.filter(|number| *number < OLDEST) {
            findings.push(Finding::new(Kind::TooOld, format!("the server is Postgres {}", number / 10_000)));
        }
        if server.read_only {
            findings.push(Finding::new(Kind::ReadOnly, "the server takes no writes"));
        }
        if server.unfrozen_age > UNFROZEN {
            let says = format!("the oldest row that is not frozen is {} transactions old", server.unfrozen_age);
            findings.push(Finding::new(Kind::Wraparound, says));
        }
        findings
    })
}

fn product(server: &Server) -> Finding {
    let version = server.version.split(" on ").next().unwrap_or(&server.version);
    match PRODUCTS.iter().find(|product| (product.is)(server)) {
        Some(product) => {
            let says = format!("the server is {} ({version}); {}", product.name, product.known);
            Finding::new(Kind::UntestedEngine, says)
        }
        None => Finding::fine(Area::Server, version.to_owned()),
    }
}
