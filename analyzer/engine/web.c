/* SPDX-License-Identifier: MIT
 *
 * The report page, the engine's share: what is told to report/web.c, and in which order. The summary that it begins with is made
 * of the same walk.
 */
#include "report/web.h"

#include "base/alloc.h"
#include "engine/run.h"
#include <stdlib.h>

struct paging {
    struct tca_session *s;
    struct tca_web *web;
    void *summing; /* the summary's own */
};

/* ---- before the flows ---- */

static bool is_at(const struct tca_incident *one, const struct tca_listener *l)
{
    return one->scope == TCA_SCOPE_LISTENER &&
           !tca_compare_places(one->capture, one->addr, one->port, l->capture, l->addr, l->port);
}

/* The gravest incidents of listeners, each of one place: they are few, and sorted by place. */
struct gravest {
    const struct tca_incident **one; /* owned */
    size_t count;
};

static int compare_gravest(const void *left, const void *right)
{
    const struct tca_incident *a = *(const struct tca_incident *const *)left,
                              *b = *(const struct tca_incident *const *)right;
    int order = tca_compare_places(a->capture, a->addr, a->port, b->capture, b->addr, b->port);
    if (order)
        return order;
    if (tca_findings[a->id].severity != tca_findings[b->id].severity)
        return tca_findings[a->id].severity > tca_findings[b->id].severity ? -1 : 1;
    if (a->confidence != b->confidence)
        return a->confidence > b->confidence ? -1 : 1;
    return a < b ? -1 : a > b; /* they are sorted in their list */
}

static int find_gravest(const struct tca_session *s, struct gravest *g)
{
    g->one = tca_alloc((s->incidents.count + 1) * sizeof(struct tca_incident *));
    if (!g->one)
        return TCA_EMEMORY;
    for (size_t at = 0; at < s->incidents.count; at++)
        if (s->incidents.list[at].scope == TCA_SCOPE_LISTENER && tca_pass2_tells(s, &s->incidents.list[at]))
            g->one[g->count++] = &s->incidents.list[at];
    qsort(g->one, g->count, sizeof g->one[0], compare_gravest);
    return TCA_OK;
}

/* The first of this place; *next moves on, since listeners come in the same order. */
static const struct tca_incident *gravest_of(const struct gravest *g, size_t *next,
                                             const struct tca_listener *l)
{
    while (*next < g->count && tca_compare_places(g->one[*next]->capture, g->one[*next]->addr,
                                                  g->one[*next]->port, l->capture, l->addr, l->port) < 0)
        ++*next;
    return *next < g->count && is_at(g->one[*next], l) ? g->one[*next] : NULL;
}

static int tell_listeners(struct paging *p)
{
    struct gravest g = {NULL, 0};
    size_t next = 0;
    int error = find_gravest(p->s, &g);
    for (size_t at = 0; !error && at < tca_swept_listeners(p->s); at++) {
        struct tca_told_listener told;
        tca_pass2_listener(p->s, at, &told);
        error = tca_web_listener(p->web, &told.listener, gravest_of(&g, &next, &told.listener), told.capture);
    }
    tca_free(g.one);
    return error;
}

/* The gravest first, however late; each kind in order of time. */
static int tell_incidents(struct paging *p)
{
    const struct tca_session *s = p->s;
    int error = TCA_OK;
    for (int severity = TCA_SEVERITY_HIGH; severity >= TCA_SEVERITY_INFO; severity--)
        for (size_t at = 0; !error && at < s->incidents.count; at++) {
            const struct tca_incident *one = &s->incidents.list[at];
            if ((int)tca_findings[one->id].severity == severity && tca_pass2_tells(s, one))
                error = tca_web_incident(p->web, one, &s->capture[one->capture - 1]->facts);
        }
    return error;
}

static int begin_paging(struct tca_session *s, unsigned of, void **ret_own)
{
    struct paging *p = tca_alloc(sizeof *p);
    *ret_own = p;
    if (!p)
        return TCA_EMEMORY;
    p->s = s;
    int error = tca_summary_maker.begin(s, of, &p->summing);
    if (!error)
        error = tca_web_new(&p->web);
    for (size_t at = 0; !error && at < s->capture_count; at++)
        error = tca_web_capture(p->web, &s->capture[at]->facts);
    if (!error)
        error = tell_incidents(p);
    if (!error)
        error = tell_listeners(p);
    if (!error)
        tca_web_begin(p->web);
    return error;
}

static int page_flow(void *user, const struct tca_flow_view *view)
{
    const struct paging *p = user;
    int error = tca_summary_maker.flow(p->summing, view);
    return error ? error : tca_web_flow(p->web, view);
}

static void done_paging(void *own)
{
    struct paging *p = own;
    if (!p)
        return;
    tca_summary_maker.done(p->summing);
    tca_web_free(p->web);
    tca_free(p);
}

/* ---- behind them ---- */

static int take_states(void *user, const struct tca_census_row *row)
{
    tca_web_states(user, row);
    return 0;
}

static int take_half_open(void *user, const struct tca_census_row *row)
{
    tca_web_half_open(user, row);
    return 0;
}

static int count_sockets(const struct paging *p)
{
    struct tca_web *web = p->web;
    struct tca_census *census;
    int error = tca_census_of(p->s, &census);
    if (!error)
        error = tca_census_rows(census, web->states_width_ns, NULL, take_states, web);
    for (size_t at = 0; !error && at < web->panels; at++) {
        struct web_panel *panel = &web->panel[at];
        error = tca_census_rows(census, panel->width_ns, panel->listener.addr, take_half_open, panel);
    }
    return error;
}

static int keep_text(void *user, const void *bytes, size_t count)
{
    tca_buf_add(user, bytes, count);
    return 0;
}

static int tell_page(void *own, void *to)
{
    struct paging *p = own;
    const struct tca_text_to *whom = to;
    struct tca_buf summary = {0};
    int error = count_sockets(p);
    if (!error)
        error = tca_summary_maker.end(p->summing, &(struct tca_text_to){keep_text, &summary});
    if (!error && summary.failed)
        error = TCA_EMEMORY;
    if (!error)
        error = tca_web_write(p->web, tca_buf_text(&summary), whom->fn, whom->user);
    tca_buf_done(&summary);
    return error;
}

const struct tca_maker tca_page_maker = {begin_paging, page_flow, NULL, tell_page, done_paging, false};

int tca_session_page(struct tca_session *s, tca_write_fn *fn, void *user, struct tca_error *error)
{
    int code = tca_must_be_finished(s, error);
    if (code)
        return code;
    struct tca_text_to to = {fn, user};
    return tca_words(error, tca_make(s, &tca_page_maker, &to));
}
