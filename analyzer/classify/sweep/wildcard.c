/* SPDX-License-Identifier: MIT
 *
 * A socket bound to the wildcard takes connections to all addresses of its host, of both families, into one queue, and
 * each address makes a row of its own. Then the candidates of one row are only a part of what the queue held, and bound its
 * limit from below alone; all rows together bound it from above. Whether rows are of one socket no packet says: that
 * they have one port and are of one capture must do, near the server, where all rows are of its host; elsewhere it takes a
 * row that left SYNs unanswered at the same time. What speaks against it is an admission at the one address while the queue at the
 * other was full and nothing was taken from it.
 */
#include "classify/sweep/wildcard.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/sweep/places.h"

#include <tcpautopsy/error.h>

enum { ROWS_MAX = 64 }; /* of one port that are looked at for each other: a host has fewer addresses */

/* The candidates of one row: when created, and when accepted at the latest, each sorted. */
struct row {
    struct tca_listener *l; /* while its group is looked at */
    uint32_t number, capture;
    uint16_t port;
    bool bounded; /* an episode of it bounds its limit from above */
    int64_t *created, *accepted;
    size_t children, accepts;
};

static int compare_ports(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = tca_compare_u32(a->capture, b->capture);
    if (!order)
        order = (int)a->port - (int)b->port;
    return order ? order : tca_compare_u32(a->number, b->number);
}

static struct tca_digest digest_port(const void *item)
{
    const struct row *row = item;
    return (struct tca_digest){row->capture, row->port};
}

static bool has_child(const struct tca_edge *edge)
{
    return edge->kind == TCA_EDGE_EARLY || (edge->kind == TCA_EDGE_CHILD && !edge->loose);
}

/* A child is accepted at the latest when a younger one of its row is; one that may be older than it looks, by its own
 * proof only. */
static void fill_row(struct row *row, const struct tca_edge *edge, size_t count, int64_t **next)
{
    row->created = *next;
    for (size_t at = 0; at < count; at++)
        if (has_child(&edge[at]))
            row->created[row->children++] = edge[at].time_ns;
    row->accepted = row->created + row->children;
    int64_t younger = INT64_MAX;
    for (size_t at = count; at-- > 0;) {
        if (edge[at].kind != TCA_EDGE_CHILD)
            continue;
        if (!edge[at].loose && edge[at].other_ns < younger)
            younger = edge[at].other_ns;
        int64_t accepted = edge[at].loose ? edge[at].other_ns : younger;
        if (accepted != INT64_MAX && row->accepts < row->children)
            row->accepted[row->accepts++] = accepted;
    }
    if (row->accepts)
        tca_sort_i64(row->accepted, row->accepts);
    *next = row->accepted + row->accepts;
}

static size_t candidates_at(const struct row *row, int64_t time_ns)
{
    size_t created = tca_count_until(row->created, row->children, time_ns);
    size_t accepted = tca_count_until(row->accepted, row->accepts, time_ns);
    return created > accepted ? created - accepted : 0;
}

/* It left SYNs unanswered at that time, too. */
static bool turned_away_with(const struct tca_listener *l, const struct tca_episode *e)
{
    return tca_count_until(l->dropped_ns, l->dropped, e->last_ns) >
           tca_count_before(l->dropped_ns, l->dropped, e->first_ns);
}

/* May this row be of the socket whose queue was full then? */
static bool may_share(const struct row *row, const struct tca_listener *full, const struct tca_episode *e)
{
    if (row->l == full || !row->l->listens)
        return false;
    if (!tca_near_server(full->vantage) && !turned_away_with(row->l, e))
        return false;
    int64_t until_ns = e->resume_ns < 0 || e->last_ns < e->resume_ns ? e->last_ns : e->resume_ns;
    bool frozen = !e->slow && tca_near_server(full->vantage);
    size_t admitted = tca_count_before(row->l->answered_ns, row->l->answered, until_ns) -
                      tca_count_until(row->l->answered_ns, row->l->answered, e->full_ns);
    return !frozen || until_ns <= e->full_ns || !admitted;
}

static void widen_row(const struct row *row, const struct row *group, size_t rows)
{
    size_t others[TCA_EPISODES_MAX] = {0};
    for (unsigned at = 0; at < row->l->episode_count; at++) {
        const struct tca_episode *e = &row->l->episode[at];
        for (size_t peer = 0; peer < rows; peer++)
            if (may_share(&group[peer], row->l, e))
                others[at] += candidates_at(&group[peer], e->full_ns);
    }
    tca_places_widen(row->l, others);
}

/* `room`: of one for each row that is looked at for others, and one. */
static int widen_group(struct tca_sweep *sweep, struct row *group, size_t rows, struct tca_listener *room)
{
    bool few = rows <= ROWS_MAX;
    int error = TCA_OK;
    for (size_t at = 0; at < rows && few; at++)
        group[at].l = tca_kept_take(&sweep->kept, group[at].number, &room[at]);
    for (size_t at = 0; at < rows && !error; at++) {
        if (!group[at].bounded)
            continue;
        if (few) {
            widen_row(&group[at], group, rows);
        } else {
            group[at].l = tca_kept_take(&sweep->kept, group[at].number, room);
            tca_places_widen(group[at].l, NULL);
        }
        error = tca_kept_put(&sweep->kept, group[at].number, group[at].l);
    }
    return error;
}

static size_t fill_rows(const struct tca_sweep *sweep, struct row *row, int64_t *next)
{
    size_t rows = 0;
    for (size_t at = 0, end; at < sweep->edges; at = end) {
        for (end = at + 1; end < sweep->edges && sweep->edge[end].listener == sweep->edge[at].listener;)
            end++;
        struct tca_listener room;
        const struct tca_listener *l = tca_kept_take(&sweep->kept, sweep->edge[at].listener, &room);
        row[rows].number = sweep->edge[at].listener;
        row[rows].capture = l->capture;
        row[rows].port = l->port;
        row[rows].bounded = l->episode_count && tca_backlog_has_max(&l->backlog);
        fill_row(&row[rows++], &sweep->edge[at], end - at, &next);
    }
    return rows;
}

static int widen_all(struct tca_sweep *sweep, struct row *row, size_t rows, struct tca_listener *room)
{
    int error = TCA_OK;
    tca_sort(row, rows, sizeof *row, digest_port, compare_ports);
    for (size_t at = 0, end; at < rows && !error; at = end) {
        bool bounded = row[at].bounded;
        for (end = at + 1; end < rows && row[end].capture == row[at].capture && row[end].port == row[at].port;
             end++)
            bounded |= row[end].bounded;
        if (end - at > 1 && bounded)
            error = widen_group(sweep, &row[at], end - at, room);
    }
    return error;
}

int tca_wildcard_widen(struct tca_sweep *sweep)
{
    if (!sweep->kept.episodes) /* nothing bounds any limit */
        return TCA_OK;
    struct row *row = tca_alloc(sweep->listeners * sizeof *row);
    int64_t *time = tca_alloc(2 * sweep->edges * sizeof *time);
    struct tca_listener *room = tca_grow(NULL, ROWS_MAX, sizeof *room);
    int error = row && time && room ? widen_all(sweep, row, fill_rows(sweep, row, time), room) : TCA_EMEMORY;
    tca_free(row);
    tca_free(time);
    tca_free(room);
    return error;
}
