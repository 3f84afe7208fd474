/* SPDX-License-Identifier: MIT
 *
 * Reports: rows of tables, the summary and the ladder. They print what classify judged and decide nothing.
 * The engine calls these in row order; nothing here knows files, threads or spools.
 */
#ifndef TCA_REPORT_REPORT_H
#define TCA_REPORT_REPORT_H

#include "artefact/comment.h"
#include "base/anon.h"
#include "base/buf.h"
#include "classify/count/census.h"
#include "classify/count/counter.h"
#include "classify/finding.h"
#include "classify/pressure/incident.h"
#include "classify/setting/setting.h"
#include "decode/outcome.h"

#include <tcpautopsy/session.h>

enum { TCA_CAPTURE_LINKS_MAX = 16 }; /* of more link types only the first are named */

/* What is told of one capture. Strings are borrowed from the engine. */
struct tca_capture_facts {
    uint32_t ordinal; /* 1-based: of the capture; of a file of a series the user's number of it */
    const char *name; /* as typed */
    const char *format, *ts_precision, *status, *message; /* "" where unknown */
    int link[TCA_CAPTURE_LINKS_MAX]; /* LINKTYPE_ values, in the order in which records had them */
    unsigned links;
    uint32_t snaplen; /* the largest; 0 unknown */
    bool has_drops;   /* the file tells how many packets were lost while it was written */
    uint64_t drops;
    uint64_t packets, bytes, tcp_packets, flows, order_errors, duplicates;
    uint64_t cut_short;   /* flows for which memory had no more room: SYNs that are told alone, and ... */
    uint64_t early;       /* ... others that were finished early */
    uint64_t beyond;      /* ... others that were not, for which the sweeps had no room */
    int64_t error_offset; /* -1: none or unknown */
    int64_t first_ns, last_ns; /* -1 when it holds no record */
    int64_t
        end_ns; /* until when it tells what happened: its last record that is no copy of another; -1 likewise */
    enum tca_vantage vantage;
    bool shadowed; /* other captures of the run show its connections from better places */
    uint64_t outcome[TCA_OUTCOME_COUNT];
    const struct tca_moved
        *moved; /* of all captures of the run, borrowed: which record a frame number stands for, and ... */
    struct tca_anon *anon;                 /* borrowed, likewise; NULL: addresses are shown as they are */
    const struct tca_spots *spots;         /* ... in which file; likewise */
    const struct tca_capture_facts *file;  /* of a series: those of each of its files, borrowed; else NULL */
    uint32_t files;                        /* there are so many; 0: no series */
    uint32_t series;                       /* of a file of a series: the ordinal of the first; else 0 */
    int64_t gap_before_ns;                 /* of a file of a series: missing before it; 0: nothing */
    const char *comment;                   /* of its sections and interfaces */
    const struct tca_comments *comments;   /* of records of all captures of the run, borrowed */
    uint64_t comments_kept, comments_over; /* of its records: kept, and not */
};

/* How a ladder tells time; tables always have all forms. */
enum tca_time_style { TCA_TIME_REL, TCA_TIME_ISO, TCA_TIME_EPOCH, TCA_TIME_NS };

/* Flows that differ only in the numbers of the one SYN that they are, in its sender and in their stream: whatever else is told of
 * one holds for all. */
struct tca_flow_view;
struct tca_flow_kin {
    uint64_t number; /* the same for all of a kin, and for no others */
    const struct tca_flow_view *(*other)(
        void *user); /* one of them that differs in all of these; NULL: there is none now */
    void *user;
};

/* One flow, judged. All borrowed for the call, by tca_explain_new until tca_explain_end. */
struct tca_flow_view {
    const struct tca_case *c;
    const struct tca_verdict *v;
    const struct tca_capture_facts *capture;
    enum tca_time_style time;       /* of explain only */
    const struct tca_flow_kin *kin; /* NULL: none is known */
};

/* One listener with the episodes that are told, and the most connections that sat in a state at its side at one time.
 * `incident`: those of this listener that are told. All borrowed for the call. */
struct tca_listener_view {
    const struct tca_listener *listener; /* as measured, and ... */
    const struct tca_listener *told;     /* ... with those episodes alone that the user wants to read */
    const struct tca_capture_facts *capture;
    const struct tca_incident *const *incident;
    size_t incidents;
    uint64_t syn_recv_peak, close_wait_peak, time_wait_peak;
    int64_t syn_recv_peak_ns; /* -1: there was none */
};

struct tca_report_options {
    bool raw_text;         /* no quote mark before free text that a spreadsheet would take for a formula */
    bool all_states;       /* events: every change of state too */
    struct tca_anon *anon; /* borrowed; NULL: addresses are shown as they are */
};

/* ---- columns.def: table, name, type, unit, meaning ---- */
struct tca_column_def {
    const char *table, *name, *type, *unit, *meaning;
};
extern const struct tca_column_def tca_columns[];
extern const size_t tca_column_count;
/* Number of columns of a table and its first index in tca_columns; 0 if there is no such table. */
size_t tca_table_columns(const char *table, size_t *ret_first);
/* All tables in one line, `suffix` behind each: "flows, events, ..."; cut to `room`. */
void tca_table_names(char *text, size_t room, const char *suffix);

/* ---- cells: one row being built: texts one after another in a buffer ---- */
struct tca_cells {
    struct tca_buf text; /* terminated texts */
    size_t offset[160];  /* of each cell in text */
    size_t count;
};
void tca_cells_reset(struct tca_cells *cells);
void tca_cells_done(struct tca_cells *cells);
const char *tca_cell(const struct tca_cells *cells, size_t index); /* borrowed until the next reset */
size_t tca_cell_length(const struct tca_cells *cells, size_t index);

/* ---- rows ---- */
void tca_row_flow(const struct tca_flow_view *view, const struct tca_report_options *opt,
                  struct tca_cells *cells);
void tca_row_listener(const struct tca_listener_view *view, const struct tca_report_options *opt,
                      struct tca_cells *cells);
void tca_row_capture(const struct tca_capture_facts *facts, const struct tca_report_options *opt,
                     struct tca_cells *cells);

void tca_row_setting(const struct tca_estimate *estimate, const struct tca_capture_facts *capture,
                     const struct tca_report_options *opt, struct tca_cells *cells);
void tca_row_state(const struct tca_census_row *row, const struct tca_report_options *opt,
                   struct tca_cells *cells);

/* What the kernel of one host counted of one capture's connections. All borrowed for the call. */
struct tca_host_counts {
    const uint8_t *addr;
    int family;
    const struct tca_capture_facts *capture;
    const struct tca_counts *counts; /* settled */
    bool both_families;              /* the captures show IPv4 and IPv6, and a kernel counts them together */
    bool near; /* the capture was taken at this host, or nothing tells at which: nstat prints it unasked */
};
/* Does this counter say anything? Not where it is 0 for sure, nor far from the host where it may be anything. */
bool tca_counter_tells(const struct tca_host_counts *host, enum tca_counter_id id);
void tca_row_counter(const struct tca_host_counts *host, enum tca_counter_id id,
                     const struct tca_report_options *opt, struct tca_cells *cells);
/* A host's counters as `nstat` prints them: a line with `#`, then name, lower and upper bound, and how it was counted. */
void tca_text_nstat(const struct tca_host_counts *host, struct tca_buf *text);

/* Events of one flow, or of one listener, in no particular order; the engine sorts all of them by (time_ns,
 * capture, frame, order). `cells` is complete except that it is printed later. Non-zero from fn stops. */
struct tca_event_key {
    int64_t time_ns;
    uint32_t capture;
    uint64_t frame;
    uint32_t order; /* open < state < finding < begin < end < close at one frame */
};
typedef int tca_event_fn(void *user, const struct tca_event_key *key, const struct tca_cells *cells);
int tca_events_flow(const struct tca_flow_view *view, const struct tca_report_options *opt, tca_event_fn *fn,
                    void *user);
int tca_events_listener(const struct tca_listener *listener, const struct tca_capture_facts *capture,
                        const struct tca_report_options *opt, tca_event_fn *fn, void *user);
/* `index`: its place among the run's incidents, whatever is left out; names its events. */
int tca_events_incident(const struct tca_incident *one, uint32_t index,
                        const struct tca_capture_facts *capture, const struct tca_report_options *opt,
                        tca_event_fn *fn, void *user);

/* ---- lines of a table ---- */
enum tca_table_form { TCA_TABLE_CSV, TCA_TABLE_JSONL };
bool tca_table_form_of(const char *name, enum tca_table_form *ret_form); /* "csv", "jsonl"; false: no such */
struct tca_lines; /* chooses columns, quotes what needs it, writes large pieces */
int tca_lines_new(const char *table, enum tca_table_form form, const char *columns, tca_write_fn *fn,
                  void *user, struct tca_lines **ret_lines,
                  struct tca_error *error); /* writes the header line, if there is one */
int tca_lines_row(struct tca_lines *lines, const struct tca_cells *cells);
/* The same line as of tca_row_flow()'s cells, written in place: of the columns chosen, and no others. */
int tca_lines_flow(struct tca_lines *lines, const struct tca_flow_view *view,
                   const struct tca_report_options *opt);
/* One of several that lines are written to side by side; the whole takes them in as they are joined. NULL without memory; to
 * be ended as well. */
struct tca_lines *tca_lines_part(const struct tca_lines *lines);
int tca_lines_join(struct tca_lines *lines, struct tca_lines *part);
int tca_lines_end(struct tca_lines *lines); /* flushes and frees, also after a failure; 0 or TCA_EOUTPUT */
const char *tca_csv_library(void);          /* version of libcsv, static */

/* ---- summary ---- */
struct tca_summary; /* bounded: counts and the first few examples per finding and listener */
int tca_summary_new(struct tca_summary **ret_summary);
/* How the run was limited. `options` are to be repeated in the commands told, or "" (borrowed; such as
 * "--key vlan", since it changes what stream=N means); `limited`: not every finding that holds is told. */
void tca_summary_limits(struct tca_summary *sum, const char *options, bool limited);
/* As its addresses are shown; borrowed. */
void tca_summary_anonymize(struct tca_summary *sum, struct tca_anon *anon);
/* Nothing less sure is told, and no other finding than those marked; `wanted`: borrowed, NULL for all. */
void tca_summary_asked(struct tca_summary *sum, enum tca_confidence least, const bool *wanted);
/* In this order: captures, incidents, every flow, listeners. Names of captures are borrowed until the end. */
int tca_summary_capture(struct tca_summary *sum, const struct tca_capture_facts *facts);
int tca_summary_flow(struct tca_summary *sum, const struct tca_flow_view *view);
int tca_summary_listener(struct tca_summary *sum, const struct tca_listener *listener,
                         const struct tca_capture_facts *capture);
int tca_summary_incident(struct tca_summary *sum, const struct tca_incident *one,
                         const struct tca_capture_facts *capture);
int tca_summary_write(struct tca_summary *sum, tca_write_fn *fn, void *user);
void tca_summary_free(struct tca_summary *sum);

/* ---- explain ---- */
/* One segment of the chosen flow, in file order, as pass 1 kept it. */
struct tca_trace {
    int64_t time_ns;
    uint64_t frame;
    uint64_t
        flow_frame; /* first frame of its flow: the flow's name within the capture; of a piece, its segment's frame */
    uint32_t capture;
    uint32_t seq, ack, len, tsval, tsecr;
    uint16_t flags, window;
    uint8_t from; /* role of the sender */
    bool icmp, has_ts, capture_copy;
    bool late;  /* the next connection on these ports was open already */
    bool piece; /* no segment, but a fragment that one was made of */
    uint8_t icmp_type, icmp_code;
};
struct tca_explain;      /* streaming: folds runs of plain data segments */
struct tca_explain_form; /* how it is shown: "text", "ascii" (of text), "svg", "html", "mermaid", "xplot" */
const struct tca_explain_form *tca_explain_form(const char *name); /* static; NULL: there is none */
/* Every segment of the flow is shown to it, and then again while tca_explain_again() wants that. */
int tca_explain_new(const struct tca_flow_view *view, const struct tca_explain_form *form, tca_write_fn *fn,
                    void *user, struct tca_explain **ret_explain);
int tca_explain_segment(struct tca_explain *ex, const struct tca_trace *trace);
bool tca_explain_again(struct tca_explain *ex); /* false: that was the end */
int tca_explain_end(struct tca_explain *ex);    /* writes what is left; frees, also after a failure */

#endif
