/* SPDX-License-Identifier: MIT
 *
 * What the cells of one row may look at; private to report.
 *
 * A cell function appends its text to the buffer, or nothing for null. They are declared from columns.def, so
 * that a column without a cell does not link and a cell without a column does not compile without a warning.
 */
#ifndef TCA_REPORT_ROW_H
#define TCA_REPORT_ROW_H

#include "artefact/moved.h"
#include "artefact/spot.h"
#include "report/report.h"

struct flow_row {
    const struct tca_dossier *d;
    const struct tca_mirror *m; /* &d->m */
    const struct tca_case *c;
    const struct tca_verdict *v;
    const struct tca_capture_facts *capture;
    const struct tca_report_options *opt;
};

struct capture_row {
    const struct tca_capture_facts *facts;
    const struct tca_report_options *opt;
};

/* An event before it is printed; strings are static or borrowed from its flow. */
struct event_row {
    const struct tca_flow_view *view;    /* NULL for a listener's event */
    const struct tca_listener *listener; /* NULL for a flow's event and for an incident's */
    const struct tca_incident *incident; /* NULL for a flow's event and for a listener's queue's */
    const struct tca_capture_facts *capture;
    const struct tca_report_options *opt;
    uint32_t scope_number;    /* of an incident: its place among the run's */
    uint32_t number;          /* n of event_id */
    uint32_t order;           /* enum event_order */
    int64_t time_ns, base_ns; /* rel_s is their difference */
    uint64_t frame;           /* 0: none */
    const char *actor, *event, *finding, *confidence, *from_state, *to_state; /* "" for null */
    int64_t value;
    const char *unit; /* NULL: no value */
    uint64_t frames[TCA_PROOF_MAX];
    uint32_t frames_of[TCA_PROOF_MAX]; /* capture of each; 0: the row's own */
    uint8_t frame_count;
    const struct tca_judgement *told; /* NULL: something else happened */
    const char *text;
};

enum event_order { ORDER_OPEN, ORDER_STATE, ORDER_FINDING, ORDER_BEGIN, ORDER_END, ORDER_CLOSE };

struct listener_row {
    const struct tca_listener_view *v;
    const struct tca_listener *l; /* v->listener */
    const struct tca_report_options *opt;
};
struct state_row {
    const struct tca_census_row *c;
    const struct tca_report_options *opt;
};
struct counter_row {
    const struct tca_host_counts *host;
    enum tca_counter_id id;
    const struct tca_report_options *opt;
};
struct setting_row;

typedef void flow_cell(const struct flow_row *row, struct tca_buf *buf);
typedef void event_cell(const struct event_row *row, struct tca_buf *buf);
typedef void capture_cell(const struct capture_row *row, struct tca_buf *buf);
typedef void listener_cell(const struct listener_row *row, struct tca_buf *buf);
typedef void state_cell(const struct state_row *row, struct tca_buf *buf);
typedef void counter_cell(const struct counter_row *row, struct tca_buf *buf);
typedef void setting_cell(const struct setting_row *row, struct tca_buf *buf);

/* clang-format off */
#define CELL_OF_flows(name) extern flow_cell cell_flows_##name;
#define CELL_OF_events(name) extern event_cell cell_events_##name;
#define CELL_OF_listeners(name) extern listener_cell cell_listeners_##name;
#define CELL_OF_states(name) extern state_cell cell_states_##name;
#define CELL_OF_counters(name) extern counter_cell cell_counters_##name;
#define CELL_OF_settings(name) extern setting_cell cell_settings_##name;
#define CELL_OF_captures(name) extern capture_cell cell_captures_##name;
#define CELL_OF_run(name) /* written by the front end */
#define COLUMN(table, name, type, unit, meaning) CELL_OF_##table(name)
#include "report/columns.def"
#undef COLUMN
#undef CELL_OF_flows
#undef CELL_OF_events
#undef CELL_OF_listeners
#undef CELL_OF_states
#undef CELL_OF_counters
#undef CELL_OF_settings
#undef CELL_OF_captures
#undef CELL_OF_run
/* clang-format on */

/* ---- cells in the making ---- */
/* End the cell whose text was appended to cells->text; beyond the fixed number of cells it is dropped. */
void tca_cells_next(struct tca_cells *cells, size_t begin);
/* Begin a row and let the functions of an array of cells write it, each table with a row of its own type. */
#define TCA_FILL(cells, functions, row)                                                                      \
    do {                                                                                                     \
        tca_cells_reset(cells);                                                                              \
        for (size_t fill_at = 0; fill_at < sizeof(functions) / sizeof(functions)[0]; fill_at++) {            \
            size_t fill_begin = (cells)->text.used;                                                          \
            (functions)[fill_at](row, &(cells)->text);                                                       \
            tca_cells_next(cells, fill_begin);                                                               \
        }                                                                                                    \
    } while (0)

/* ---- a line written in place (lines.c) ---- */
enum { TCA_LINES_COLUMNS = 160 };
/* A line with gaps, for rows of which most is the same: text, then a cell, and so on. */
struct tca_lines_stencil {
    uint64_t kin; /* whose it is; 0: none */
    struct tca_buf text;
    struct tca_lines_gap {
        uint32_t from, to; /* of the text before it */
        uint32_t pick;     /* the cell, by its place among those that are printed */
    } gap[TCA_LINES_COLUMNS];
    unsigned gaps;
    uint32_t rest; /* text behind the last gap begins there */
};
enum { TCA_LINES_STENCILS = 8 }; /* those of some kin are kept */
/* The text of a cell ends the buffer, and begins there: make it what the form wants there. */
typedef void tca_lines_mend(struct tca_lines *lines, size_t begin);
struct tca_lines {
    enum tca_table_form form;
    tca_write_fn *fn; /* borrowed, with user */
    void *user;
    struct tca_lines_pick {
        size_t index;          /* of its cell */
        const char *lead;      /* stands before the cell; not terminated */
        uint8_t lead_length;   /* 0 in CSV */
        tca_lines_mend *mend;  /* NULL: it stays as it is */
    } pick[TCA_LINES_COLUMNS]; /* in the order to print */
    size_t pick_count;
    struct tca_buf out;
    struct tca_buf cell; /* one that is mended */
    struct tca_lines_stencil stencil[TCA_LINES_STENCILS];
    bool failed;
};
/* Take the text that begins there away, into `cell`, terminated; false without memory, which the lines then know. */
bool tca_lines_lift(struct tca_lines *lines, size_t begin);
/* End a line of cells with a comma behind each. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_lines_line(struct tca_lines *lines);
/* Stop where the cells of the line that begins there are not these. */
void tca_lines_check(struct tca_lines *lines, size_t begin, const struct tca_cells *cells);
/* The cells of a line by the functions of an array, as TCA_FILL(), but those alone that are printed. */
#define TCA_LINE(lines, functions, row)                                                                      \
    do {                                                                                                     \
        for (size_t line_at = 0; line_at < (lines)->pick_count; line_at++) {                                 \
            const struct tca_lines_pick *line_pick = &(lines)->pick[line_at];                                \
            if (line_pick->lead_length)                                                                      \
                tca_buf_add(&(lines)->out, line_pick->lead, line_pick->lead_length);                         \
            size_t line_begin = (lines)->out.used;                                                           \
            (functions)[line_pick->index](row, &(lines)->out);                                               \
            if (line_pick->mend)                                                                             \
                line_pick->mend(lines, line_begin);                                                          \
            tca_buf_char(&(lines)->out, ',');                                                                \
        }                                                                                                    \
    } while (0)

/* ---- how a form mends cells ---- */
/* csv.c, a tca_lines_mend: quote marks, if it needs them. */
void tca_csv_quote(struct tca_lines *lines, size_t begin);
/* jsonl.c: lead and mend of a column, by its index in tca_columns; `is_free`: of text that may hold anything. */
void tca_jsonl_pick(size_t column, bool is_free, bool is_first, struct tca_lines_pick *pick);

/* ---- words for cells and texts ---- */
/* Seconds; nothing below 0, which stands for what is not known. */
void tca_text_seconds(struct tca_buf *buf, int64_t ns);
/* Ids in their alphabetical order, each once, ';' between. The array is sorted. */
void tca_text_ids(struct tca_buf *buf, const char **id, size_t count);
/* Free text: what is not to be shown (tcpautopsy/text.h) becomes \xNN; what a spreadsheet would take for a formula gets a quote
 * mark before it, unless `raw`. */
void tca_text_clean(struct tca_buf *buf, const char *text, bool raw);
/* As one word of a shell command. */
void tca_text_quoted(struct tca_buf *buf, const char *text);
/* VLAN numbers with dots between; the innermost tunnel with its key. */
void tca_text_vlan(struct tca_buf *buf, const struct tca_tags *tags);
void tca_text_encap(struct tca_buf *buf, const struct tca_tags *tags);
/* What stands in the place of words that may name a host, where addresses are not shown as they are. */
#define TCA_LEFT_OUT "(left out)"
/* "ADDR:PORT", an IPv6 address in brackets. */
void tca_text_endpoint(struct tca_buf *buf, struct tca_anon *anon, const uint8_t addr[16], int family,
                       uint16_t port);
/* "3 SYNs dropped, 1 ACK ignored"; nothing for what there was none of. */
void tca_text_refusals(struct tca_buf *buf, uint64_t drops, uint64_t ignored, uint64_t aborted);
/* c<ordinal>f<frame> */
void tca_text_spot(struct tca_buf *buf, struct tca_spot place);
/* The same of a flow's frame; `facts`: of any capture of the run. */
void tca_text_flow_id(struct tca_buf *buf, const struct tca_capture_facts *facts, uint32_t capture,
                      uint64_t frame);
/* Which file of this capture a frame is in, and its number there. */
struct tca_spot tca_frame_spot(const struct tca_capture_facts *own, uint64_t frame);
/* Of its record, which a user finds there (artefact/moved.h): of this capture, or of `capture` if that is not 0. */
struct tca_spot tca_record_spot(const struct tca_capture_facts *own, uint32_t capture, uint64_t frame);
/* The name of a file of this capture. */
const char *tca_file_name(const struct tca_capture_facts *own, uint32_t ordinal);
/* A record in a list: its number, or c<ordinal>f<number> if it is not in the file whose ordinal is `own`. */
void tca_text_frame(struct tca_buf *buf, uint32_t own, struct tca_spot place);

const char *tca_confidence_name(enum tca_confidence confidence); /* "" for TCA_NO */
const char *tca_severity_name(enum tca_severity severity);
const char *tca_vantage_name(enum tca_vantage vantage);

/* The state of a side before the first step of its history: CLOSED before it sends a SYN, LISTEN before it
 * gets one, UNKNOWN where the capture does not show the opening. */
enum tca_state tca_first_state(const struct tca_side *side);

/* The confidence to print beside `verdict`: its own; of a normal flow the lower of handshake and close. */
enum tca_confidence tca_verdict_confidence(const struct tca_verdict *v);

#endif
