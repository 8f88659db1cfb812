//! How SQLite runs the statements that a backlog could make slow.

use rusqlite::Connection;

use super::kit::Bench;

fn plan(sql: &Connection, statement: &str) -> String {
    let mut explained = sql.prepare(&format!("explain query plan\n{statement}")).unwrap();
    let lines = explained.raw_query().mapped(|row| row.get::<_, String>(3));
    lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn claiming_from_all_queues_walks_the_index_and_sorts_nothing() {
    let bench = Bench::new().await;
    let plan = plan(&bench.sql(), include_str!("../../../src/store/sqlite/sql/due.sql"));
    assert!(plan.contains("USING INDEX step_due") || plan.contains("USING COVERING INDEX step_due"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[tokio::test]
async fn claiming_from_one_queue_seeks_and_sorts_nothing() {
    let bench = Bench::new().await;
    let plan = plan(&bench.sql(), include_str!("../../../src/store/sqlite/sql/due_in_queue.sql"));
    assert!(plan.contains("step_due_in_queue (queue=?)"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[tokio::test]
async fn looking_for_suspects_does_not_read_the_backlog() {
    let bench = Bench::new().await;
    let plan = plan(&bench.sql(), include_str!("../../../src/store/sqlite/sql/due_suspect.sql"));
    assert!(plan.contains("step_crashed"), "{plan}");
}

#[tokio::test]
async fn counting_reads_indexes_alone() {
    let bench = Bench::new().await;
    let plan = plan(&bench.sql(), include_str!("../../../src/store/sqlite/sql/stats.sql"));
    let reads = plan.lines().filter(|line| line.contains("step_tracker"));
    assert!(reads.clone().count() >= 5, "{plan}");
    assert!(reads.clone().all(|line| line.contains("INDEX step_")), "{plan}");
}

/// A list of more than two words after `in` is a table that each run of the statement builds and fills first.
#[tokio::test]
async fn storing_and_completing_a_step_build_no_table() {
    let bench = Bench::new().await;
    let sql = bench.sql();
    for statement in [
        include_str!("../../../src/store/sqlite/sql/enqueue.sql"),
        include_str!("../../../src/store/sqlite/sql/complete.sql"),
    ] {
        let mut explained = sql.prepare(&format!("explain\n{statement}")).unwrap();
        let codes: Vec<String> = explained.raw_query().mapped(|row| row.get(1)).map(Result::unwrap).collect();
        assert!(!codes.iter().any(|code| code == "OpenEphemeral"), "{codes:?}");
    }
}

#[tokio::test]
async fn sqlite_is_built_without_mutexes_for_memory_and_pages() {
    let bench = Bench::new().await;
    let sql = bench.sql();
    let mut asked = sql.prepare("pragma compile_options").unwrap();
    let options: Vec<String> = asked.raw_query().mapped(|row| row.get(0)).map(Result::unwrap).collect();
    assert!(options.contains(&"DEFAULT_MEMSTATUS=0".to_owned()), "{options:?}");
    assert!(!options.iter().any(|option| option == "ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
}

#[tokio::test]
async fn looking_through_failures_seeks_the_moment_and_sorts_nothing() {
    let bench = Bench::new().await;
    let plan = plan(&bench.sql(), include_str!("../../../src/store/sqlite/sql/failures.sql"));
    assert!(plan.contains("step_final (status=? AND finished_ts>? AND finished_ts<?)"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
