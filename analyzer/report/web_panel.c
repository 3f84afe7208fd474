/* SPDX-License-Identifier: MIT
 *
 * What is counted of a listener in trouble: its connections, one after another, into columns of time and a table of clients.
 * SYNs answered and dropped are taken from what the sweep over the listener kept, so that charts say what the tables say.
 */
#include "report/web.h"

#include <string.h>

bool tca_web_troubled(const struct tca_verdict *v)
{
    return v->verdict >= 0 && tca_findings[v->judgement[v->verdict].id].severity >= TCA_SEVERITY_MEDIUM;
}

bool tca_web_at(const struct web_panel *panel, const struct tca_dossier *d)
{
    const struct tca_listener *l = &panel->listener;
    return d->port[TCA_SERVER] == l->port && d->capture == l->capture &&
           !memcmp(d->addr[TCA_SERVER], l->addr, sizeof l->addr);
}

static void count(const struct web_panel *panel, uint32_t *column, int64_t time_ns)
{
    unsigned at = tca_timeline_column(panel->from_ns, panel->width_ns, time_ns);
    if (at < TCA_CHART_COLUMNS && column[at] < UINT32_MAX)
        column[at]++;
}

/* ---- clients ---- */

/* The place of this address, or a free one; NULL: there is none near where it would stand. */
static struct web_client *client_of(struct web_panel *panel, const uint8_t addr[16])
{
    enum { NEAR = 16 };
    uint32_t hash = UINT32_C(2166136261);
    for (int at = 0; at < 16; at++)
        hash = (hash ^ addr[at]) * UINT32_C(16777619);
    hash ^= hash >> 15;
    for (uint32_t at = 0; at < NEAR; at++) {
        struct web_client *one = &panel->client[(hash + at) % WEB_CLIENTS];
        if (!one->family || !memcmp(one->addr, addr, sizeof one->addr))
            return one;
    }
    return NULL;
}

static void add_client(struct web_panel *panel, const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    bool troubled = tca_web_troubled(view->v);
    struct web_client *one = client_of(panel, d->addr[TCA_CLIENT]);
    if (!one) {
        panel->elsewhere += troubled;
        return;
    }
    if (!one->family) {
        memcpy(one->addr, d->addr[TCA_CLIENT], sizeof one->addr);
        one->family = d->family;
        one->longest_ns = -1;
    }
    int64_t word_ns = d->m.side[TCA_SERVER].first_data_ns;
    one->flows++;
    one->troubled += troubled;
    one->unanswered += troubled && word_ns < 0;
    if (word_ns >= d->m.start_ns && word_ns - d->m.start_ns > one->longest_ns)
        one->longest_ns = word_ns - d->m.start_ns;
}

/* ---- a connection ---- */

void tca_web_panel_flow(struct web_panel *panel, const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        if ((mark->roles & TCA_MARK_SYN) && mark->side == TCA_CLIENT && !mark->witness && mark->copy > 1)
            count(panel, panel->retried, mark->time_ns);
    }
    if (d->m.side[TCA_SERVER].first_data_ns >= 0 && !view->c->again)
        count(panel, panel->responses, d->m.side[TCA_SERVER].first_data_ns);
    if (!view->c->again)
        add_client(panel, view);
}

/* ---- what stands for a while ---- */

void tca_web_hold(uint32_t *column, int64_t from_ns, int64_t width_ns, int64_t since_ns, int64_t until_ns,
                  uint32_t count)
{
    int64_t end_ns = from_ns + width_ns * TCA_CHART_COLUMNS;
    since_ns = since_ns > from_ns ? since_ns : from_ns;
    until_ns = until_ns < end_ns ? until_ns : end_ns;
    if (!count || until_ns <= since_ns)
        return;
    for (int64_t at = (since_ns - from_ns) / width_ns; at <= (until_ns - 1 - from_ns) / width_ns; at++)
        column[at] = count > column[at] ? count : column[at];
}

void tca_web_half_open(struct web_panel *panel, const struct tca_census_row *row)
{
    const struct tca_listener *l = &panel->listener;
    if (row->scope != TCA_COUNT_LISTENER || row->port != l->port ||
        memcmp(row->addr, l->addr, sizeof l->addr) != 0)
        return;
    int64_t begin_ns = row->end_ns - row->width_ns;
    tca_web_hold(panel->half_open, panel->from_ns, panel->width_ns, panel->half_open_ns, begin_ns,
                 panel->half_open_now);
    tca_web_hold(panel->half_open, panel->from_ns, panel->width_ns, begin_ns, row->end_ns,
                 row->most[TCA_SYN_RECV]);
    panel->half_open_ns = row->end_ns;
    panel->half_open_now = row->now[TCA_SYN_RECV];
}

void tca_web_panel_end(struct web_panel *panel)
{
    const struct tca_listener *l = &panel->listener;
    tca_web_hold(panel->half_open, panel->from_ns, panel->width_ns, panel->half_open_ns,
                 panel->capture->end_ns, panel->half_open_now);
    for (size_t at = 0; at < l->answered; at++)
        count(panel, panel->answered, l->answered_ns[at]);
    for (size_t at = 0; at < l->dropped && !l->timeline; at++)
        count(panel, panel->dropped, l->dropped_ns[at]);
    if (l->timeline)
        memcpy(panel->dropped, l->timeline->dropped, sizeof panel->dropped);
}
