//! What claims cost in buffers, by the plans of the very statements: the same with an empty table and with any load.

use fleet_q::store::{Migrate, Store};
use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{Schema, fresh, server};

/// As fleet-q spells them, with literals for parameters.
const CLAIM: &str = include_str!("../../../src/store/postgres/sql/claim.sql");
const CLAIM_IN_QUEUES: &str = include_str!("../../../src/store/postgres/sql/claim_in_queues.sql");
const FINISH: &str = include_str!("../../../src/store/postgres/sql/finish.sql");
const RELEASE: &str = include_str!("../../../src/store/postgres/sql/release.sql");
const MINE: &str = include_str!("../../../src/store/postgres/sql/mine.sql");
const RECOVER: &str = include_str!("../../../src/store/postgres/sql/recover.sql");
const PRUNE: &str = include_str!("../../../src/store/postgres/sql/prune.sql");
const SEARCH: &str = include_str!("../../../src/store/postgres/sql/search.sql");
const FAILURES: &str = include_str!("../../../src/store/postgres/sql/failures.sql");
const STATS: &str = include_str!("../../../src/store/postgres/sql/stats.sql");
const CANCEL_REQUESTED: &str = include_str!("../../../src/store/postgres/sql/cancel_requested.sql");

const BEGIN_BY_KEY: &str = include_str!("../../../src/store/postgres/sql/begin_by_key.sql");
/// What runs under them.
const BY_KEY: [&str; 4] = [CLAIM, CLAIM_IN_QUEUES, FINISH, RELEASE];

/// What every test of this file begins with.
const NOW: i64 = 1_700_000_000_000;
/// A claim's limit here.
const LIMIT: &str = "50";

/// A schema with one living pod, a connection that looks at it, and one that is set as a session of our own.
struct Place {
    schema: Schema,
    client: Client,
    own: Client,
}

/// With what sessions of our own begin.
const OWN: &str = include_str!("../../../src/store/postgres/own.conf");

/// What the end of one step may read and write: it is found by its key, and entered in its indexes.
const BUFFERS_OF_AN_END: i64 = 40;

/// What a statement cost.
#[derive(Debug)]
struct Cost {
    buffers: i64,
    /// Rows that some part of the plan read, or put together, and threw away.
    vain: i64,
    plan: String,
}

impl Place {
    async fn new(name: &str) -> Option<Self> {
        let server = server::get()?;
        let (open, schema) = fresh(server, name);
        open().migrate(Migrate::Apply).await.unwrap();
        let place = Self { schema, client: connected(server).await, own: connected(server).await };
        // Vacuum at a moment of its own would make a cost depend on luck; prefetching is not what is asked.
        place.client.batch_execute("set jit = off; set max_parallel_workers_per_gather = 0").await.unwrap();
        let settings = OWN.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            format!("set {name} = '{value}';")
        });
        place.own.batch_execute(&settings.collect::<String>()).await.unwrap();
        place.run("alter table SCHEMA.step_tracker set (autovacuum_enabled = off)").await;
        place.run("insert into SCHEMA.pod_health (pod_id) values ('me'), ('zoe')").await;
        // A primary key of two levels to begin with: into a single page every plan goes another way.
        place.steps(5000, "completed", "default", NOW - 10_000_000).await;
        place.analyze().await;
        Some(place)
    }

    async fn run(&self, sql: &str) {
        let text = sql.replace("SCHEMA", &format!("\"{}\"", self.schema.name));
        self.client.batch_execute(&text).await.unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }

    /// Adds `count` steps in a state; created one a millisecond up to `until`.
    async fn steps(&self, count: i64, status: &str, queue: &str, until: i64) {
        let (claim, finished) = match status {
            "claimed" => ("'me', gen_random_uuid(), 'TS'", "null"),
            "completed" => ("'me', gen_random_uuid(), 'TS'", "'TS'"),
            _ => ("null, null, null", "null"),
        };
        let columns = "step_id, task, queue, status, payload, created_ts, available_ts, last_update_ts, \
            claimed_by, claim_id, claimed_ts, finished_ts";
        let values = format!("gen_random_uuid(), 'work', '{queue}', '{status}', 'x', TS, TS, TS, {claim}, {finished}");
        let values = values.replace("'TS'", "TS").replace("TS", &format!("{until} - {count} + n"));
        let sql = format!(
            "insert into SCHEMA.step_tracker ({columns}) select {values} from generate_series(1, {count}) as n"
        );
        self.run(&sql).await;
    }

    async fn analyze(&self) {
        self.run("vacuum analyze SCHEMA.step_tracker").await;
    }

    /// Works `count` new steps off, in batches: each leaves its dead entries behind.
    async fn work(&self, count: i64, until: i64) {
        for batch in 0..count / 1000 {
            self.steps(1000, "pending", "default", until - count + 1000 * (batch + 1)).await;
            let all = "update SCHEMA.step_tracker set last_update_ts = last_update_ts + 1,";
            self.run(&format!(
                "{all} status = 'claimed', claimed_by = 'me', claimed_ts = created_ts where status = 'pending';
                 {all} status = 'completed', finished_ts = created_ts where status = 'claimed'"
            ))
            .await;
        }
    }

    /// Runs a statement with these values, tells what it cost, and undoes it. A hot one is run in both manners, as
    /// poolers and as sessions of our own get it, and the worse one counts.
    async fn cost(&self, statement: &str, values: &[(&str, &str)]) -> Cost {
        let text = spelled(statement, &self.schema.name, values);
        if !BY_KEY.contains(&statement) {
            return explained(&self.client, "begin", &text).await;
        }
        let planned = explained(&self.client, &BEGIN_BY_KEY.replace(":timeout_literal", "60000"), &text).await;
        let kept = self.kept_cost(statement, values).await;
        if kept.buffers > planned.buffers || kept.vain > planned.vain {
            Cost { buffers: kept.buffers.max(planned.buffers), vain: kept.vain.max(planned.vain), ..kept }
        } else {
            planned
        }
    }

    /// By a plan that knows no value.
    async fn kept_cost(&self, statement: &str, values: &[(&str, &str)]) -> Cost {
        let used: Vec<_> = values.iter().filter(|(name, _)| names(statement, name)).collect();
        let list = |each: &dyn Fn(&str) -> String| used.iter().map(|(_, v)| each(v)).collect::<Vec<_>>().join(", ");
        let kinds = format!(
            "select {}",
            list(&|value| format!("coalesce(nullif(pg_typeof({value})::text, 'unknown'), 'text')"))
        );
        let SimpleQueryMessage::Row(kinds) = &self.client.simple_query(&kinds).await.unwrap()[1] else {
            panic!("{kinds}")
        };
        let kinds = (0..kinds.len()).map(|n| kinds.get(n).unwrap()).collect::<Vec<_>>().join(", ");
        let places: Vec<String> = (1..=used.len()).map(|n| format!("${n}")).collect();
        let numbered: Vec<(&str, &str)> =
            used.iter().zip(&places).map(|((name, _), place)| (*name, place.as_str())).collect();
        let text = spelled(statement, &self.schema.name, &numbered);
        self.own
            .batch_execute(&format!("prepare kept ({kinds}) as {text}"))
            .await
            .unwrap_or_else(|e| panic!("{text}\n{e:?}"));
        let cost = explained(&self.own, "begin", &format!("execute kept ({})", list(&str::to_owned))).await;
        self.own.batch_execute("deallocate kept").await.unwrap();
        cost
    }

    /// A call that ends `count` claimed steps.
    async fn end(&self, statement: &str, count: i64) -> Cost {
        let said = |what: &str| {
            format!(
                "(select array_agg({what} order by step_id) from (select * from {}.step_tracker where status = 'claimed' limit {count}) as held)",
                self.schema.name
            )
        };
        let rows =
            self.client.simple_query(&format!("select {}, {}", said("step_id"), said("claim_id"))).await.unwrap();
        let SimpleQueryMessage::Row(row) = &rows[1] else { panic!("{rows:?}") };
        let uuids = |at| format!("cast('{}' as uuid[])", row.get(at).unwrap());
        let (step_ids, claim_ids) = (uuids(0), uuids(1));
        let all = |what: &str| format!("array_fill({what}, array[{count}])");
        let values = [
            ("step_ids", step_ids),
            ("claim_ids", claim_ids),
            ("kinds", all("cast('complete' as text)")),
            ("results", all("cast(null as bytea)")),
            ("content_types", all("cast(null as text)")),
            ("errors", all("cast(null as text)")),
            ("delays", all("cast(null as bigint)")),
            ("max_crashes", all("3")),
            ("errors_kept", "20".into()),
            ("now", NOW.to_string()),
        ];
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.cost(statement, &values).await
    }

    /// A claim of [`LIMIT`] by a pod that knows `since` as the floor of priority 0.
    async fn claim(&self, since: i64) -> Cost {
        let floor = format!("array[{since}, 0]::bigint[]");
        let spans = [("since", floor.as_str()), ("except", "array[]::text[]")];
        self.cost(CLAIM, &[&spans[..], COMMON].concat()).await
    }

    async fn claim_in(&self, queue: &str, since: i64) -> Cost {
        let floor = format!("array[{since}, 0]::bigint[]");
        let (only, queues) = (format!("array['{queue}']"), format!("array['{queue}', '{queue}']"));
        let spans = [("since", floor.as_str()), ("only", &only), ("span_queues", &queues)];
        self.cost(CLAIM_IN_QUEUES, &[&spans[..], COMMON].concat()).await
    }
}

/// Priority 0 has a floor, and nobody has another priority.
const COMMON: &[(&str, &str)] = &[
    ("now", "1700000000000"),
    ("below", "array[2147483648, 0]::bigint[]"),
    ("at", "array[0, -2147483649]::bigint[]"),
    ("trusted_from", "0"),
    ("trusted_until", "2000000000000"),
    ("due_from", "0"),
    ("due_until", "2000000000000"),
    ("due_floor", "1690000000000"),
    ("tasks", "array['work']"),
    ("pod", "'me'"),
    ("claim_id", "cast('00000000-0000-4000-8000-000000000001' as uuid)"),
    ("max_crashes", "3"),
    ("first_lane", "true"),
    ("call_limit", LIMIT),
    ("most", LIMIT),
    ("candidates", "200"),
    ("looked_at", "3000"),
];

async fn connected(server: &server::Server) -> Client {
    let (client, driver) = tokio_postgres::connect(&server.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

async fn explained(client: &Client, begin: &str, text: &str) -> Cost {
    client.batch_execute(begin).await.unwrap();
    let asked = client.simple_query(&format!("explain (analyze, buffers, format json) {text}")).await;
    let answer = asked.unwrap_or_else(|e| panic!("{text}\n{e:?}"));
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let explained: Value = serde_json::from_str(row.expect("a plan")).unwrap();
    client.batch_execute("rollback").await.unwrap();
    let plan = &explained[0]["Plan"];
    let buffers = ["Shared Hit Blocks", "Shared Read Blocks"].map(|name| plan[name].as_i64().unwrap());
    Cost { buffers: buffers.iter().sum(), vain: vain(plan), plan: plan.to_string() }
}

/// Whether a statement has a slot of this name, and not only of one that begins with it.
fn names(statement: &str, name: &str) -> bool {
    let slot = format!(":{name}");
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    statement
        .lines()
        .filter(|line| !line.starts_with("--"))
        .any(|line| line.match_indices(&slot).any(|(at, _)| !line[at + slot.len()..].starts_with(goes_on)))
}

fn spelled(statement: &str, schema: &str, values: &[(&str, &str)]) -> String {
    let lines: Vec<&str> = statement.lines().filter(|line| !line.starts_with("--")).collect();
    let mut text = lines.join("\n").replace("/*schema*/", &format!("\"{schema}\".")).replace(';', "");
    let mut values = values.to_vec();
    // The longest first: no name may be taken for the beginning of another.
    values.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, value) in values {
        text = text.replace(&format!(":{name}"), value);
    }
    text
}

/// Sums the rows that this node and those below it removed, by its executions.
fn vain(node: &Value) -> i64 {
    let of = |name: &str| node[name].as_i64().unwrap_or(0);
    let removed: i64 = ["Rows Removed by Filter", "Rows Removed by Join Filter"].map(of).iter().sum();
    let below = node["Plans"].as_array().into_iter().flatten().map(vain).sum::<i64>();
    removed * of("Actual Loops").max(1) + below
}

/// Within a fifth of what an empty table costs; an index grows by a level now and then, one buffer a descent.
fn assert_as_cheap(loaded: &Cost, empty: &Cost, levels: i64) {
    let most = empty.buffers * 12 / 10 + levels;
    assert!(loaded.buffers <= most, "{} buffers, empty {}: {}", loaded.buffers, empty.buffers, loaded.plan);
}

/// For each of the rows a level more where its new version enters the primary key, and where the rows lie on more pages
/// than in a table that was empty, a page or two.
const DESCENTS: i64 = 150;

#[tokio::test]
async fn claim_costs_the_same_with_finished_waiting_and_scheduled_steps() {
    let Some(place) = Place::new("plan_loads").await else { return };
    place.steps(50, "pending", "default", NOW).await;
    place.analyze().await;
    let empty = place.claim(NOW - 1000).await;
    assert!(empty.plan.contains("step_due"), "{}", empty.plan);
    for (count, status) in [(20_000, "completed"), (20_000, "scheduled"), (20_000, "pending")] {
        place.steps(count, status, "default", NOW + if status == "scheduled" { 1_000_000_000 } else { 0 }).await;
        place.analyze().await;
        assert_as_cheap(&place.claim(NOW - 1_000_000).await, &empty, DESCENTS);
    }
}

#[tokio::test]
async fn claim_under_an_old_snapshot_does_not_walk_over_what_is_done() {
    let Some(place) = Place::new("plan_snapshot").await else { return };
    place.steps(50, "pending", "default", NOW).await;
    place.analyze().await;
    let (empty, empty_in) = (place.claim(NOW - 1000).await, place.claim_in("default", NOW - 1000).await);
    let server = server::get().expect("it was there above");
    let (forgotten, driver) = tokio_postgres::connect(&server.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    forgotten.batch_execute("begin isolation level repeatable read; select count(*) from pg_class").await.unwrap();
    place.run("delete from SCHEMA.step_tracker where status = 'pending'").await;
    place.work(10_000, NOW - 5_000).await;
    place.steps(50, "pending", "default", NOW).await;
    assert_as_cheap(&place.claim(NOW - 1000).await, &empty, DESCENTS);
    assert_as_cheap(&place.claim_in("default", NOW - 1000).await, &empty_in, DESCENTS);
    // The load is real: from the start, the same claim walks over every dead entry.
    let blind = place.claim(0).await;
    assert!(blind.buffers > empty.buffers + 500, "{}", blind.buffers);
    drop(forgotten);
}

#[tokio::test]
async fn quiet_queue_is_not_looked_for_in_the_backlog_of_the_others() {
    let Some(place) = Place::new("plan_quiet").await else { return };
    place.steps(20_000, "pending", "busy", NOW).await;
    place.steps(50, "pending", "default", NOW).await;
    place.analyze().await;
    let quiet = place.claim_in("quiet", 0).await;
    assert!(quiet.buffers < 60, "{} buffers: {}", quiet.buffers, quiet.plan);
    assert!(quiet.plan.contains("step_due_in_queue"), "{}", quiet.plan);
}

#[tokio::test]
async fn ending_a_step_costs_the_same_however_many_are_claimed_and_end_with_it() {
    let Some(place) = Place::new("ends").await else { return };
    // Nobody has counted since they were claimed. In a table so small, reading it as a whole seems to be cheapest.
    place.steps(4000, "claimed", "default", NOW).await;
    for statement in [FINISH, RELEASE] {
        let (few, many) = (place.end(statement, 20).await, place.end(statement, 1500).await);
        assert!(few.buffers <= 20 * BUFFERS_OF_AN_END, "{} buffers: {}", few.buffers, few.plan);
        assert!(many.buffers <= 1500 * BUFFERS_OF_AN_END, "{} buffers: {}", many.buffers, many.plan);
        assert!(many.vain <= 1500, "{} rows were looked at in vain: {}", many.vain, many.plan);
    }
}

#[tokio::test]
async fn recovery_does_not_read_what_living_pods_hold() {
    let Some(place) = Place::new("plan_recover").await else { return };
    place.steps(5000, "claimed", "default", NOW).await;
    place.analyze().await;
    let values = [("now", "1700000000000"), ("leader", "'me'"), ("max_crashes", "3"), ("errors_kept", "20")];
    let cost = place.cost(RECOVER, &[&values[..], &[("limit_literal", "1000")]].concat()).await;
    assert!(cost.buffers < 40, "{} buffers: {}", cost.buffers, cost.plan);
}

#[tokio::test]
async fn pods_own_look_and_its_beat_read_only_what_is_open() {
    let Some(place) = Place::new("plan_mine").await else { return };
    let server = server::get().expect("it was there above");
    let (forgotten, driver) = tokio_postgres::connect(&server.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    forgotten.batch_execute("begin isolation level repeatable read; select count(*) from pg_class").await.unwrap();
    place.work(10_000, NOW - 120_000).await;
    place.steps(3, "claimed", "default", NOW).await;
    let floor = (NOW - 60_000).to_string();
    let older = ("older", "array[]::uuid[]");
    let values = [("floor", floor.as_str()), ("trusted_from", "0"), ("trusted_until", "2000000000000"), older];
    let mine = place.cost(MINE, &[&values[..], &[("now", "1700000000000"), ("pod", "'me'")]].concat()).await;
    assert!(mine.buffers < 40, "{} buffers: {}", mine.buffers, mine.plan);
    let asked = place.cost(CANCEL_REQUESTED, &[("pod", "'me'")]).await;
    assert!(asked.buffers < 10, "{} buffers: {}", asked.buffers, asked.plan);
    drop(forgotten);
}

#[tokio::test]
async fn pruning_finds_the_longest_ended_without_reading_the_rest() {
    let Some(place) = Place::new("plan_prune").await else { return };
    place.steps(20_000, "completed", "default", NOW).await;
    place.analyze().await;
    let floors = [("completed_floor", "0"), ("failed_floor", "0"), ("cancelled_floor", "0")];
    let keeps = [("keep_completed_ms", "10000"), ("keep_failed_ms", "10000"), ("limit_literal", "100")];
    let trust = [("trusted_from", "0"), ("trusted_until", "2000000000000"), ("now", "1700000000000")];
    let cost = place.cost(PRUNE, &[&floors[..], &keeps, &trust].concat()).await;
    assert!(cost.buffers < 1000, "{} buffers: {}", cost.buffers, cost.plan);
    assert!(!cost.plan.contains("Seq Scan"), "{}", cost.plan);
}

#[tokio::test]
async fn failed_and_tagged_steps_are_found_among_many_others() {
    let Some(place) = Place::new("plan_search").await else { return };
    place
        .run(
            "update SCHEMA.step_tracker set status = 'failed', tags = '[\"rare\"]' where step_id in
        (select step_id from SCHEMA.step_tracker limit 3)",
        )
        .await;
    place.steps(20_000, "completed", "default", NOW).await;
    place.analyze().await;
    let all =
        [("before", "null"), ("queue", "null"), ("task", "null"), ("limit_literal", "50"), ("pending_only", "false")];
    let tagged = place.cost(SEARCH, &[&all[..], &[("states", "null"), ("tag", "'rare'")]].concat()).await;
    assert!(tagged.buffers < 20, "{} buffers: {}", tagged.buffers, tagged.plan);
    let failed = place.cost(SEARCH, &[&all[..], &[("states", "array['failed']"), ("tag", "null")]].concat()).await;
    assert!(failed.buffers < 20, "{} buffers: {}", failed.buffers, failed.plan);
}

#[tokio::test]
async fn leaders_look_for_failures_reads_the_new_ones_alone() {
    let Some(place) = Place::new("plan_failures").await else { return };
    place.steps(20_000, "completed", "default", NOW).await;
    place.run("update SCHEMA.step_tracker set status = 'failed'").await;
    place.steps(20_000, "completed", "default", NOW + 30_000).await;
    place.analyze().await;
    let all = ["before_ts", "before_id", "queue", "task", "error", "since_ago_ms"].map(|name| (name, "null"));
    let page = [("limit_literal", "50"), ("shown_literal", "500"), ("now", "1700000000000")];
    let idle = place.cost(FAILURES, &[&all[..], &page, &[("since_ts", "1700000000001")]].concat()).await;
    assert!(idle.buffers < 10, "{} buffers: {}", idle.buffers, idle.plan);
    let rebuild = place.cost(FAILURES, &[&all[..], &page, &[("since_ts", "null")]].concat()).await;
    assert!(rebuild.buffers < 150, "{} buffers: {}", rebuild.buffers, rebuild.plan);
}

#[tokio::test]
async fn counting_and_listing_what_waits_does_not_read_what_is_done() {
    let Some(place) = Place::new("plan_stats").await else { return };
    place.steps(20_000, "completed", "default", NOW).await;
    place.steps(50, "pending", "default", NOW).await;
    place.analyze().await;
    let stats = place.cost(STATS, &[]).await;
    // Final steps are all counted, by whatever means; of the others the indexes know who they are.
    assert!(stats.plan.contains("step_due") && stats.plan.contains("step_again"), "{}", stats.plan);
    let pending = [("states", "array['pending']"), ("pending_only", "true"), ("limit_literal", "50")];
    let others = [("before", "null"), ("queue", "null"), ("task", "null"), ("tag", "null")];
    let listed = place.cost(SEARCH, &[&pending[..], &others].concat()).await;
    assert!(listed.buffers < 60, "{} buffers: {}", listed.buffers, listed.plan);
}

#[tokio::test]
async fn pod_that_knows_no_waiting_task_walks_over_the_backlog_once() {
    let Some(place) = Place::new("plan_foreign").await else { return };
    place.steps(20_000, "pending", "default", NOW - 5000).await;
    place.analyze().await;
    let (floor, queue) = (format!("array[{}, 0]::bigint[]", NOW - 1000), ("except", "array[]::text[]"));
    let foreign: Vec<_> = COMMON.iter().filter(|(name, _)| *name != "tasks").copied().collect();
    let values = [("tasks", "array['theirs']"), ("since", floor.as_str()), queue];
    let cost = place.cost(CLAIM, &[&values[..], &foreign].concat()).await;
    assert!(cost.buffers < 60, "{} buffers: {}", cost.buffers, cost.plan);
}
