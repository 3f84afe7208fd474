/* SPDX-License-Identifier: MIT
 *
 * Tables: which there are, and where the rows of each come from. A table is made anew each time it is asked for,
 * from the dossiers or from what the sweeps found, and costs memory only for what it counts.
 */
#include "engine/tables.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

static int flow_row(void *user, const struct tca_flow_view *view)
{
    struct tca_rows *r = user;
    if (r->lines)
        return tca_lines_flow(r->lines, view, &r->opt);
    tca_cells_reset(&r->cells);
    tca_row_flow(view, &r->opt, &r->cells);
    return r->cells.text.failed ? TCA_EMEMORY : r->fn(r->user, &r->cells);
}

static int join_rows(void *user, void *part)
{
    struct tca_rows *r = user, *p = part;
    return tca_lines_join(r->lines, p->lines);
}

int tca_row_parts_begin(struct tca_rows *r, struct tca_row_parts *ret)
{
    unsigned parts = r->lines ? tca_pass2_parts(r->s) : 1;
    *ret = (struct tca_row_parts){.rows = r};
    if (parts == 1)
        return TCA_OK;
    ret->part = tca_alloc(parts * sizeof *ret->part);
    ret->of = tca_alloc(parts * sizeof *ret->of);
    int error = ret->part && ret->of ? TCA_OK : TCA_EMEMORY;
    for (; ret->parts < parts && !error; ret->parts++) {
        struct tca_rows *part = &ret->part[ret->parts];
        *part = (struct tca_rows){.s = r->s, .opt = r->opt, .lines = tca_lines_part(r->lines)};
        ret->of[ret->parts] = part;
        error = part->lines ? TCA_OK : TCA_EMEMORY;
    }
    return error;
}

struct tca_taker tca_row_parts_taker(const struct tca_row_parts *parts, tca_view_fn *row)
{
    return (struct tca_taker){.flow = row, .user = parts->rows, .of = parts->of, .join = join_rows};
}

void tca_row_parts_done(struct tca_row_parts *parts)
{
    for (unsigned at = 0; at < parts->parts; at++)
        tca_lines_end(parts->part[at].lines);
    tca_free(parts->part);
    tca_free(parts->of);
    *parts = (struct tca_row_parts){0};
}

static int each_flow(struct tca_rows *r)
{
    struct tca_row_parts parts;
    int error = tca_row_parts_begin(r, &parts);
    struct tca_taker taker = tca_row_parts_taker(&parts, flow_row);
    if (!error)
        error = tca_pass2_walk_for(r->s, &taker, 1);
    tca_row_parts_done(&parts);
    return error ? error : taker.error;
}

static int tell_events(struct tca_rows *r, void *own)
{
    return tca_events_maker.end(own, &(struct tca_cells_to){r->fn, r->user});
}

static int capture_row(struct tca_rows *r, const struct tca_capture_facts *facts)
{
    tca_cells_reset(&r->cells);
    tca_row_capture(facts, &r->opt, &r->cells);
    return r->cells.text.failed ? TCA_EMEMORY : r->fn(r->user, &r->cells);
}

/* Of a series each file. */
static int tell_captures(struct tca_rows *r, void *own)
{
    (void)own;
    int stop = TCA_OK;
    for (size_t at = 0; at < r->s->capture_count && !stop; at++) {
        const struct tca_capture_facts *facts = &r->s->capture[at]->facts;
        for (uint32_t file = 0; file < facts->files && !stop; file++)
            stop = capture_row(r, &facts->file[file]);
        if (!facts->files)
            stop = capture_row(r, facts);
    }
    return stop;
}

static int listener_row(void *user, const struct tca_listener_view *view)
{
    struct tca_rows *r = user;
    tca_cells_reset(&r->cells);
    tca_row_listener(view, &r->opt, &r->cells);
    return r->cells.text.failed ? TCA_EMEMORY : r->fn(r->user, &r->cells);
}

static int tell_listeners(struct tca_rows *r, void *own)
{
    (void)own;
    return tca_listeners_each(r->s, listener_row, r);
}

static int state_row(void *user, const struct tca_census_row *row)
{
    struct tca_rows *r = user;
    tca_cells_reset(&r->cells);
    tca_row_state(row, &r->opt, &r->cells);
    return r->cells.text.failed ? TCA_EMEMORY : r->fn(r->user, &r->cells);
}

static int tell_states(struct tca_rows *r, void *own)
{
    (void)own;
    const struct tca_settings *set = &r->s->set;
    struct tca_census *census;
    int error = tca_census_of(r->s, &census);
    if (error)
        return error;
    return tca_census_rows(census, set->width_ns ? set->width_ns : INT64_C(1000000000),
                           set->has_host ? set->host : NULL, state_row, r);
}

static int counter_rows(void *user, const struct tca_host_counts *host)
{
    struct tca_rows *r = user;
    int stop = TCA_OK;
    for (unsigned id = 0; id < TCA_COUNTER_COUNT && !stop; id++) {
        if (!tca_counter_tells(host, (enum tca_counter_id)id))
            continue;
        tca_cells_reset(&r->cells);
        tca_row_counter(host, (enum tca_counter_id)id, &r->opt, &r->cells);
        stop = r->cells.text.failed ? TCA_EMEMORY : r->fn(r->user, &r->cells);
    }
    return stop;
}

/* The host asked for is one of those that there are. */
static int check_host(struct tca_session *s, struct tca_error *error)
{
    uint8_t host[16];
    return s->set.has_host ? tca_choose_host(s, host, error) : TCA_OK;
}

static int tell_counters(struct tca_rows *r, void *own)
{
    return tca_counters_maker.end(own, &(struct tca_host_counts_to){counter_rows, r});
}

static int tell_settings(struct tca_rows *r, void *own)
{
    (void)own;
    const struct tca_estimates *all;
    int error = tca_pass2_estimates(r->s, &all);
    for (size_t at = 0; !error && at < tca_estimates_count(all); at++) {
        const struct tca_estimate *e = tca_estimates_at(all, at);
        if (!tca_asked_for(&r->s->set, e->addr))
            continue;
        tca_cells_reset(&r->cells);
        tca_row_setting(e, &r->s->capture[e->capture - 1]->facts, &r->opt, &r->cells);
        error = r->cells.text.failed ? TCA_EMEMORY : r->fn(r->user, &r->cells);
    }
    return error;
}

static const struct tca_table tables[] = {
    {"flows", flow_row, NULL, NULL, NULL, NULL, 0},
    {"events", NULL, &tca_events_maker, tell_events, NULL, NULL, 4},
    {"listeners", NULL, NULL, tell_listeners, NULL, &tca_census_maker, 1},
    {"states", NULL, NULL, tell_states, check_host, &tca_census_maker, 12},
    {"counters", NULL, &tca_counters_maker, tell_counters, NULL, NULL, 5},
    {"settings", NULL, NULL, tell_settings, NULL, &tca_estimates_maker, 2},
    {"captures", NULL, NULL, tell_captures, NULL, NULL, 0},
};

enum { TABLE_COUNT = sizeof tables / sizeof *tables };

static int no_table(const char *table, struct tca_error *error)
{
    char names[160];
    size_t used = 0;
    for (int at = 0; at < TABLE_COUNT && used < sizeof names; at++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 !at                    ? ""
                                 : at + 1 < TABLE_COUNT ? ", "
                                                        : " and ",
                                 tables[at].name);
    return tca_fail(error, TCA_EUSAGE, "no table '%s': there are %s", table, names);
}

int tca_table_check(struct tca_session *s, const char *name, const struct tca_table **ret_table,
                    struct tca_error *error)
{
    int code = tca_must_be_finished(s, error);
    if (code)
        return code;
    for (int at = 0; at < TABLE_COUNT; at++)
        if (!strcmp(tables[at].name, name)) {
            *ret_table = &tables[at];
            return tables[at].check ? tables[at].check(s, error) : TCA_OK;
        }
    return no_table(name, error);
}

/* Of a table that was checked. */
static int each_row(struct tca_rows *r, const struct tca_table *table, struct tca_error *error)
{
    struct tca_made made = {.lane = NULL};
    int code = table->row ? each_flow(r) : table->maker ? tca_made_gather(r->s, table->maker, &made) : TCA_OK;
    if (!code && table->tell)
        code = table->tell(r, made.lane ? made.lane[0] : NULL);
    tca_made_done(&made);
    tca_cells_done(&r->cells);
    return tca_words(error, code);
}

enum { CELLS_MAX = 160 };

struct row_call {
    tca_row_fn *fn;
    void *user;
    struct tca_row row;
    const char *name[CELLS_MAX], *cell[CELLS_MAX];
};

static int call_row(void *user, const struct tca_cells *cells)
{
    struct row_call *call = user;
    for (size_t at = 0; at < cells->count; at++)
        call->cell[at] = tca_cell(cells, at);
    call->row.count = cells->count;
    return call->fn(call->user, &call->row) ? TCA_ESTOPPED : TCA_OK;
}

int tca_session_table(struct tca_session *s, const char *table, tca_row_fn *fn, void *user,
                      struct tca_error *error)
{
    const struct tca_table *what = NULL;
    int code = tca_table_check(s, table, &what, error);
    if (code)
        return code;
    struct row_call call = {.fn = fn, .user = user, .row = {.table = table}};
    size_t first, count = tca_table_columns(table, &first);
    for (size_t at = 0; at < count && at < CELLS_MAX; at++)
        call.name[at] = tca_columns[first + at].name;
    call.row.name = call.name;
    call.row.cell = call.cell;
    return each_row(
        &(struct tca_rows){.s = s, .fn = call_row, .user = &call, .opt = tca_report_options_of(s)}, what,
        error);
}

static int line_row(void *user, const struct tca_cells *cells)
{
    return tca_lines_row(user, cells);
}

int tca_rows_lines(struct tca_session *s, const char *table, const char *form, const char *columns,
                   struct tca_text_to to, struct tca_rows *ret, struct tca_error *error)
{
    enum tca_table_form known;
    *ret = (struct tca_rows){.s = s, .fn = line_row, .opt = tca_report_options_of(s)};
    if (!tca_table_form_of(form ? form : "csv", &known))
        return tca_fail(error, TCA_EUSAGE, "a table is written as csv or jsonl, not as '%s'", form);
    int code = tca_lines_new(table, known, columns, to.fn, to.user, &ret->lines, error);
    ret->user = ret->lines;
    return code;
}

int tca_rows_done(struct tca_rows *r)
{
    tca_cells_done(&r->cells);
    return r->lines ? tca_lines_end(r->lines) : TCA_OK;
}

static int write_lines(struct tca_session *s, const char *table, const char *form, const char *columns,
                       struct tca_text_to to, struct tca_error *error)
{
    const struct tca_table *what = NULL;
    struct tca_rows rows;
    int code = tca_table_check(s, table, &what, error);
    if (!code)
        code = tca_rows_lines(s, table, form, columns, to, &rows, error);
    if (code)
        return code;
    code = each_row(&rows, what, error);
    int end = tca_rows_done(&rows);
    return code ? code : tca_words(error, end);
}

int tca_session_csv(struct tca_session *s, const char *table, const char *columns, tca_write_fn *fn,
                    void *user, struct tca_error *error)
{
    return write_lines(s, table, "csv", columns, (struct tca_text_to){fn, user}, error);
}

int tca_session_jsonl(struct tca_session *s, const char *table, const char *columns, tca_write_fn *fn,
                      void *user, struct tca_error *error)
{
    return write_lines(s, table, "jsonl", columns, (struct tca_text_to){fn, user}, error);
}

/* ---- texts ---- */

struct nstat {
    struct tca_buf text;
    uint64_t hosts; /* told */
    tca_write_fn *fn;
    void *user;
};

static int nstat_of_host(void *user, const struct tca_host_counts *host)
{
    struct nstat *n = user;
    if (!host->near)
        return TCA_OK;
    n->hosts++;
    tca_buf_reset(&n->text);
    tca_text_nstat(host, &n->text);
    if (n->text.failed)
        return TCA_EMEMORY;
    return n->fn(n->user, n->text.bytes, n->text.used) ? TCA_EOUTPUT : TCA_OK;
}

static int write_nstat(struct tca_session *s, tca_write_fn *fn, void *user, struct tca_error *error)
{
    struct nstat n = {.fn = fn, .user = user};
    int code = tca_make(s, &tca_counters_maker, &(struct tca_host_counts_to){nstat_of_host, &n});
    tca_buf_done(&n.text);
    if (!code && !n.hosts && s->set.has_host)
        return tca_fail(error, TCA_EUSAGE, "no connection of the host given");
    return code;
}

static const struct {
    const char *name;
    int (*write)(struct tca_session *s, tca_write_fn *fn, void *user, struct tca_error *error); /* fills it */
} texts[] = {{"ss", tca_write_ss}, {"nstat", write_nstat}};

int tca_session_text(struct tca_session *s, const char *what, tca_write_fn *fn, void *user,
                     struct tca_error *error)
{
    int code = tca_must_be_finished(s, error);
    if (code)
        return code;
    for (size_t at = 0; at < sizeof texts / sizeof *texts; at++)
        if (!strcmp(texts[at].name, what))
            return texts[at].write(s, fn, user, error);
    return tca_fail(error, TCA_EUSAGE, "no text '%s': there are ss and nstat", what);
}
