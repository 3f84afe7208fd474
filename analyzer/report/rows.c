/* SPDX-License-Identifier: MIT
 *
 * Rows: the cells of one thing, in the order of columns.def.
 *
 * Of flows that differ in few cells only (struct tca_flow_kin) a line is cut once, with gaps for these.
 */
#include "report/row.h"

#include <string.h>

#define PICK_flows(name) cell_flows_##name,
static flow_cell *const flow_cells[] = {
#include "report/pick.def"
};

#define PICK_listeners(name) cell_listeners_##name,
static listener_cell *const listener_cells[] = {
#include "report/pick.def"
};

#define PICK_captures(name) cell_captures_##name,
static capture_cell *const capture_cells[] = {
#include "report/pick.def"
};

#define PICK_states(name) cell_states_##name,
static state_cell *const state_cells[] = {
#include "report/pick.def"
};

#define PICK_counters(name) cell_counters_##name,
static counter_cell *const counter_cells[] = {
#include "report/pick.def"
};

static const struct tca_report_options defaults;

static struct flow_row flow_row_of(const struct tca_flow_view *view, const struct tca_report_options *opt)
{
    return (struct flow_row){.d = view->c->d,
                             .m = &view->c->d->m,
                             .c = view->c,
                             .v = view->v,
                             .capture = view->capture,
                             .opt = opt ? opt : &defaults};
}

void tca_row_flow(const struct tca_flow_view *view, const struct tca_report_options *opt,
                  struct tca_cells *cells)
{
    const struct flow_row row = flow_row_of(view, opt);
    TCA_FILL(cells, flow_cells, &row);
}

/* ---- lines of kin ---- */

static void add_flow_cell(struct tca_lines *lines, size_t pick, const struct flow_row *row)
{
    const struct tca_lines_pick *how = &lines->pick[pick];
    tca_buf_add(&lines->out, how->lead, how->lead_length);
    size_t begin = lines->out.used;
    flow_cells[how->index](row, &lines->out);
    if (how->mend)
        how->mend(lines, begin);
}

/* Is this cell of both rows the same? Then its text stands at the end of the line, else nothing. */
static bool is_shared(struct tca_lines *lines, size_t pick, const struct flow_row *row,
                      const struct flow_row *other)
{
    size_t begin = lines->out.used;
    add_flow_cell(lines, pick, row);
    size_t middle = lines->out.used, length = middle - begin;
    add_flow_cell(lines, pick, other);
    const char *text = lines->out.bytes;
    bool shared = !lines->out.failed && lines->out.used - middle == length &&
                  (!length || !memcmp(text + begin, text + middle, length));
    lines->out.used = shared ? middle : begin;
    return shared;
}

/* What both rows have in common, with a gap for each cell that differs. */
static void cut_stencil(struct tca_lines *lines, struct tca_lines_stencil *stencil,
                        const struct flow_row *row, const struct flow_row *other)
{
    size_t begin = lines->out.used;
    tca_buf_reset(&stencil->text);
    stencil->gaps = stencil->rest = 0;
    for (uint32_t pick = 0; pick < lines->pick_count; pick++) {
        uint32_t end = (uint32_t)stencil->text.used;
        if (is_shared(lines, pick, row, other)) {
            tca_buf_add(&stencil->text, tca_buf_since(&lines->out, begin), lines->out.used - begin);
        } else {
            stencil->gap[stencil->gaps++] = (struct tca_lines_gap){stencil->rest, end, pick};
            stencil->rest = end;
        }
        lines->out.used = begin;
        tca_buf_char(&stencil->text, ',');
    }
}

/* NULL: it cannot be told what its kin have in common. */
static const struct tca_lines_stencil *stencil_of(struct tca_lines *lines, const struct tca_flow_kin *kin,
                                                  const struct flow_row *row)
{
    struct tca_lines_stencil *stencil = &lines->stencil[kin->number % TCA_LINES_STENCILS];
    if (stencil->kin == kin->number)
        return stencil;
    const struct tca_flow_view *other = kin->other(kin->user);
    if (!other)
        return NULL;
    const struct flow_row other_row = flow_row_of(other, row->opt);
    cut_stencil(lines, stencil, row, &other_row);
    stencil->kin = stencil->text.failed || lines->out.failed ? 0 : kin->number;
    return stencil->kin ? stencil : NULL;
}

/* False: the row is to be written as all are. */
static bool write_kin(struct tca_lines *lines, const struct tca_flow_kin *kin, const struct flow_row *row)
{
    const struct tca_lines_stencil *stencil = kin ? stencil_of(lines, kin, row) : NULL;
    if (!stencil)
        return false;
    for (unsigned at = 0; at < stencil->gaps; at++) {
        const struct tca_lines_gap *gap = &stencil->gap[at];
        tca_buf_add(&lines->out, stencil->text.bytes + gap->from, gap->to - gap->from);
        add_flow_cell(lines, gap->pick, row);
    }
    tca_buf_add(&lines->out, stencil->text.bytes + stencil->rest, stencil->text.used - stencil->rest);
    return true;
}

int tca_lines_flow(struct tca_lines *lines, const struct tca_flow_view *view,
                   const struct tca_report_options *opt)
{
    const struct flow_row row = flow_row_of(view, opt);
#ifdef TCA_CHECK_WAYS
    size_t begin = lines->out.used;
#endif
    if (!write_kin(lines, view->kin, &row))
        TCA_LINE(lines, flow_cells, &row);
#ifdef TCA_CHECK_WAYS
    struct tca_cells cells = {0};
    tca_row_flow(view, opt, &cells);
    tca_lines_check(lines, begin, &cells);
    tca_cells_done(&cells);
#endif
    return tca_lines_line(lines);
}

void tca_row_listener(const struct tca_listener_view *view, const struct tca_report_options *opt,
                      struct tca_cells *cells)
{
    const struct listener_row row = {.v = view, .l = view->listener, .opt = opt ? opt : &defaults};
    TCA_FILL(cells, listener_cells, &row);
}

void tca_row_capture(const struct tca_capture_facts *facts, const struct tca_report_options *opt,
                     struct tca_cells *cells)
{
    const struct capture_row row = {.facts = facts, .opt = opt ? opt : &defaults};
    TCA_FILL(cells, capture_cells, &row);
}

void tca_row_state(const struct tca_census_row *counts, const struct tca_report_options *opt,
                   struct tca_cells *cells)
{
    const struct state_row row = {.c = counts, .opt = opt ? opt : &defaults};
    TCA_FILL(cells, state_cells, &row);
}

void tca_row_counter(const struct tca_host_counts *host, enum tca_counter_id id,
                     const struct tca_report_options *opt, struct tca_cells *cells)
{
    const struct counter_row row = {.host = host, .id = id, .opt = opt ? opt : &defaults};
    TCA_FILL(cells, counter_cells, &row);
}
