/* SPDX-License-Identifier: MIT
 *
 * Which connections the summary tells by something larger than themselves: a listener whose accept queue was full, or
 * another incident.
 */
#include "base/seq32.h"
#include "report/summary_own.h"

#include <string.h>

static const int64_t SLACK_NS =
    1000000000; /* connections that begin so much before an incident, or after it, belong to it */

/* ---- connections that a full accept queue explains ---- */

static bool overflow_family(const char *id)
{
    static const char *const family[] = {"overflow_",
                                         "synack_ladder_accept_overflow",
                                         "synack_ladder_pruned",
                                         "syn_drop_accept_full",
                                         "rst_abort_on_overflow",
                                         "rst_request_expired"};
    return tca_begins_with(id, family, sizeof family / sizeof *family);
}

/* Opened while the queue was full or the service stood still. */
static bool opened_in_episode(const struct tca_listener *listener, int64_t time_ns)
{
    for (int i = 0; i < listener->episode_count; i++) {
        const struct tca_episode *e = &listener->episode[i];
        int64_t from_ns = e->stall_ns >= 0 ? e->stall_ns : e->first_ns;
        int64_t until_ns = e->resume_ns >= 0 ? e->resume_ns : e->last_ns;
        if (time_ns >= from_ns && time_ns <= until_ns)
            return true;
    }
    return false;
}

/* The judgement by which a connection belongs to its listener's overflow; NULL if it does not. A cookie's ACK without
 * effect is one only while the queue was full. */
static const struct tca_judgement *hit_by_overflow(const struct tca_flow_view *view)
{
    const struct tca_verdict *v = view->v;
    if (!view->c->listener || !view->c->listener->episode_count)
        return NULL;
    for (int i = 2; i < v->count; i++)
        if (overflow_family(tca_findings[v->judgement[i].id].id))
            return &v->judgement[i];
    bool cookie = v->judgement[0].id == TCA_handshake_cookie_ack_lost_state;
    return cookie && opened_in_episode(view->c->listener, view->c->d->m.first_ack_ns) ? &v->judgement[0]
                                                                                      : NULL;
}

static bool has_finding(const struct tca_verdict *v, enum tca_finding_id id)
{
    for (int i = 0; i < v->count; i++)
        if (v->judgement[i].id == id)
            return true;
    return false;
}

/* The server had no state of it left, so nobody will answer it any more. */
static bool forgotten(const struct tca_verdict *v)
{
    return has_finding(v, TCA_rst_request_expired) || has_finding(v, TCA_handshake_cookie_ack_lost_state);
}

static int64_t left_ns(const struct tca_dossier *d)
{
    const struct tca_mark *reset = tca_dossier_mark(d, TCA_MARK_RST, TCA_CLIENT, 0);
    const struct tca_side *client = &d->m.side[TCA_CLIENT];
    int64_t fin_ns = client->fin_count ? client->fin_first_ns : -1;
    return !reset ? fin_ns : fin_ns < 0 || reset->time_ns < fin_ns ? reset->time_ns : fin_ns;
}

/* The client had asked, or waited, and left without a byte of the answer: it closed before there was one, or refused it
 * when it came. One that only shut its sending side takes the answer. */
static bool gave_up(const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    int64_t left = left_ns(d);
    if (!view->c->listener || (d->m.damage & TCA_DAMAGE_GAP) || d->m.first_ack_ns < 0 ||
        left < d->m.first_ack_ns || !opened_in_episode(view->c->listener, d->m.start_ns))
        return false;
    const struct tca_side *client = &d->m.side[TCA_CLIENT], *server = &d->m.side[TCA_SERVER];
    bool wanted = client->bytes || left - d->m.first_ack_ns > LATE_NS;
    bool refused = client->rst_count && server->iss_known && client->acked_known &&
                   !seq_after(client->acked, server->iss + 1);
    return wanted && (server->first_data_ns < 0 || refused);
}

/* It had a place in the queue, and the service closed its listener. */
static bool closed_in_queue(const struct tca_flow_view *view)
{
    return view->c->listener && has_finding(view->v, TCA_rst_listener_closed) &&
           opened_in_episode(view->c->listener, view->c->d->m.start_ns);
}

/* True if it is told there. */
bool tca_fold_into_overflow(struct tca_summary *sum, const struct tca_flow_view *view, const struct place *at)
{
    const struct tca_judgement *hit = hit_by_overflow(view);
    bool left = gave_up(view);
    bool closed = !hit && !left && closed_in_queue(view);
    struct overflow *overflow = hit || left || closed ? tca_summary_overflow(sum, at) : NULL;
    if (!overflow)
        return false;
    overflow->waited += closed;
    overflow->closed += closed;
    overflow->connections += hit != NULL;
    /* Of those hit that were never served the episode knows. */
    overflow->gave_up += left && (!hit || view->c->d->m.side[TCA_SERVER].first_data_ns >= 0);
    overflow->waited += left && !hit;
    bool unserved =
        hit && view->c->d->m.side[TCA_SERVER].first_data_ns < 0 && !(view->c->d->m.damage & TCA_DAMAGE_GAP);
    overflow->forgotten += unserved && forgotten(view->v);
    overflow->open += (unserved || left) && tca_summary_open(view);
    if (unserved || left || closed)
        tca_summary_client(&overflow->losers, view->c->d->addr[TCA_CLIENT]);
    tca_summary_client(&overflow->clients, view->c->d->addr[TCA_CLIENT]);
    if (hit && !overflow->example.set)
        tca_summary_example(&overflow->example, view, hit);
    return !closed; /* the closing is told for itself */
}

/* ---- connections that another incident explains ---- */

/* Which verdicts each kind of incident brings about, by the beginnings of their ids. */
static const struct {
    const char *incident;
    const char *flows[12];
} brings[] = {
    {"syn_flood_",
     {"handshake_half_open", "handshake_syn_only", "handshake_synack_cookie", "synack_ladder_no_ack",
      "synack_ladder_pruned", "syn_drop_synq_full", "handshake_no_answer"}},
    {"flash_crowd",
     {"syn_drop_", "handshake_complete_syn_retry", "handshake_no_answer", "synack_ladder_accept_overflow"}},
    {"synq_full_interval",
     {"syn_drop_synq_full", "handshake_syn_only", "handshake_no_answer", "handshake_complete_syn_retry"}},
    {"syncookie_interval", {"handshake_synack_cookie", "handshake_half_open"}},
    {"portscan",
     {"portscan", "rst_refused", "handshake_", "rst_no_socket", "syn_drop_firewall", "syn_to_dead_host",
      "close_rst_active", "rst_"}},
    {"path_loss_burst",
     {"syn_lost_path", "handshake_no_answer", "handshake_syn_only", "handshake_complete_syn_retry",
      "retransmission_", "synack_ladder_", "segment_lost_between", "handshake_complete_synack_retry",
      "handshake_complete_ack_retry", "rto_ladder_established", "close_fin_retry", "close_last_ack_lost"}},
};

static bool at_its_time(const struct tca_incident *what, int64_t time_ns)
{
    return time_ns >= what->first_ns - SLACK_NS && time_ns <= what->last_ns + SLACK_NS;
}

/* By place, by time (of the connection's beginning, or of what it is told by), and by kind. */
static bool explains(const struct incident *in, const struct tca_flow_view *view,
                     const struct tca_judgement *told)
{
    const struct tca_dossier *d = view->c->d;
    const struct tca_incident *what = &in->what;
    const char *verdict = tca_findings[told->id].id;
    if (what->capture != d->capture ||
        !(at_its_time(what, d->m.start_ns) || at_its_time(what, told->time_ns)))
        return false;
    if (what->scope == TCA_SCOPE_LISTENER &&
        (what->port != d->port[TCA_SERVER] ||
         memcmp(what->addr, d->addr[TCA_SERVER], sizeof what->addr) != 0))
        return false;
    if (what->scope == TCA_SCOPE_HOST && memcmp(what->addr, d->addr[TCA_CLIENT], sizeof what->addr) != 0)
        return false;
    if (has_finding(view->v, what->id))
        return true;
    for (size_t i = 0; i < sizeof brings / sizeof *brings; i++)
        if (tca_begins_with(tca_findings[what->id].id, &brings[i].incident, 1))
            return tca_begins_with(verdict, brings[i].flows,
                                   sizeof brings[i].flows / sizeof *brings[i].flows);
    return false;
}

/* What became of it. A flood's own attempts neither open nor repeat their SYN. */
static void count_fate(struct incident *in, const struct tca_dossier *d)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT], *server = &d->m.side[TCA_SERVER];
    in->connections++;
    if (d->m.first_ack_ns >= 0 && server->pkts > server->syn_count + server->synack_count) {
        int64_t took_ns = d->m.first_ack_ns - d->m.start_ns;
        in->opened++;
        in->late += took_ns > LATE_NS;
        in->longest_ns = took_ns > in->longest_ns ? took_ns : in->longest_ns;
    }
    in->unanswered += client->syn_count > 1 && !server->pkts;
}

/* The gravest incident that explains it; in the order of time among equals. */
bool tca_fold_into_incident(struct tca_summary *sum, const struct tca_flow_view *view,
                            const struct tca_judgement *told)
{
    struct incident *best = NULL;
    for (size_t i = 0; i < sum->incident_count; i++) {
        struct incident *in = &sum->incident[i];
        bool graver = !best || tca_findings[in->what.id].severity > tca_findings[best->what.id].severity;
        if (graver && explains(in, view, told))
            best = in;
    }
    if (!best)
        return false;
    count_fate(best, view->c->d);
    return true;
}
