/* report/fabric - one fabric test, three forms: for a terminal, as JSON, as one HTML page.
 *
 * As in report/report the renderers decide nothing: suspects and levels come from fabric/model,
 * changes from fabric/against. */
#ifndef REPORT_FABRIC_H
#define REPORT_FABRIC_H

#include "fabric/against.h"
#include "report/report.h"

struct fabric_report {
    const struct fabric_result *result;
    const struct findings_of_fabric *findings;
    const struct metric *metric;       /* tell of this one alone; NULL: of all */
    const struct fabric_result *older; /* NULL: not compared */
    const struct changes *changes;     /* against `older` */
    const char *command;               /* what the user typed, for the HTML page; may be NULL */
};

/* Each appends to a buffer and returns 0 or -ENOMEM. JSON is a result's (fabric/file) with more
 * members, so that it can be read again. */
int fabric_report_text(const struct fabric_report *report, const struct report_style *style,
                       struct buf *out);
int fabric_report_json(const struct fabric_report *report, struct buf *out);
int fabric_report_html(const struct fabric_report *report, struct buf *out);

/* A suspect, or a node or link that got slower: exit code 1. */
bool fabric_report_has_findings(const struct fabric_report *report);

/* ---- what the renderers share; texts in `arena`, NULL: no memory ---- */

/* Is it told of? */
bool fabric_shows(const struct fabric_report *report, const struct suspect *suspect);
uint32_t fabric_suspects_shown(const struct fabric_report *report);

struct changes_shown { /* beyond noise; of the one metric, when one was asked for */
    uint32_t telling, slower;
};
struct changes_shown fabric_changes_shown(const struct fabric_report *report);

/* "8 nodes, 28 pairs in 1 min 35 s: 2 suspects". */
const char *fabric_headline(struct arena *arena, const struct fabric_report *report);
/* "fabric-bcdfg, 2025-11-24 16:00 UTC, quick: pairs, memory". */
const char *fabric_origin(struct arena *arena, const struct fabric_result *result);
/* "rc_mlx5/mlx5_0:1 (28 pairs), tcp/eth0 (2)"; "" when no pairs were measured. */
const char *fabric_transports(struct arena *arena, const struct fabric_result *result);

/* "n007: 60 % slower", "n002 to n005: 50 % slower", "leaf03 (8 nodes): lost". */
const char *suspect_title(struct arena *arena, const struct fabric_result *result,
                          const struct suspect *suspect);
/* "4.72 GB/s (4.70 GB/s to 4.75 GB/s), typical 11.8 GB/s"; "" when it is not of a metric. */
const char *suspect_numbers(struct arena *arena, const struct suspect *suspect);
/* "over 99 % sure: 60 measures slow, none well". */
const char *suspect_grounds(struct arena *arena, const struct suspect *suspect);
/* What to do next: a sentence, or a command. */
const char *suspect_advice(struct arena *arena, const struct fabric_result *result,
                           const struct suspect *suspect);

/* Of which pairs a map is drawn: the metric that was asked for, else the first suspect's, else
 * bandwidth. */
const struct metric *fabric_map_metric(const struct fabric_report *report);

/* A metric over all nodes that were judged by it. */
struct metric_row {
    const struct metric *metric;
    double typical, worst;
    uint32_t worst_node, nodes;
};
/* In the order of the table of metrics, at most metric_count; -ENOMEM. */
int fabric_metric_rows(struct arena *arena, const struct fabric_report *report,
                       struct metric_row *out);

/* "n002 -> n003" or "n002"; "every node" for MEASURE_NOBODY. */
const char *change_who(struct arena *arena, const struct fabric_result *result,
                       const struct change *change);
/* "12 nodes compared, 3 changes ..." */
const char *changes_headline(struct arena *arena, const struct fabric_report *report);

/* "1 MiB", "8 B". */
#define FABRIC_SIZE_BYTES 24
const char *fabric_size(uint64_t bytes, char out[FABRIC_SIZE_BYTES]);

#endif
