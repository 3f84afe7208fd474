/* SPDX-License-Identifier: MIT
 *
 * Rows: the cells of one thing, in the order of columns.def.
 */
#include "report/row.h"

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

int tca_csv_flow(struct tca_csv *csv, const struct tca_flow_view *view, const struct tca_report_options *opt)
{
    const struct flow_row row = flow_row_of(view, opt);
#ifdef TCA_CHECK_WAYS
    size_t begin = csv->out.used;
#endif
    TCA_LINE(csv, flow_cells, &row);
#ifdef TCA_CHECK_WAYS
    struct tca_cells cells = {0};
    tca_row_flow(view, opt, &cells);
    tca_csv_check(csv, begin, &cells);
    tca_cells_done(&cells);
#endif
    return tca_csv_line(csv);
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

void tca_row_state(const struct tca_census_row *counts, struct tca_cells *cells)
{
    const struct state_row row = {.c = counts};
    TCA_FILL(cells, state_cells, &row);
}

void tca_row_counter(const struct tca_host_counts *host, enum tca_counter_id id,
                     const struct tca_report_options *opt, struct tca_cells *cells)
{
    const struct counter_row row = {.host = host, .id = id, .opt = opt ? opt : &defaults};
    TCA_FILL(cells, counter_cells, &row);
}
