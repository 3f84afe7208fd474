/* SPDX-License-Identifier: MIT
 *
 * From a mirror's history to the life of a socket.
 */
#include "classify/count/socket.h"

#include "base/seq32.h"
#include "classify/handshake.h"
#include "classify/read/cookie.h"
#include "classify/read/reuse.h"
#include "classify/read/rungs.h"
#include "classify/read/shapes.h"
#include "mirror/deviations.h"

#include <assert.h>
#include <string.h>

static const int64_t NEAR_NS = 20 * TCA_MS; /* a listing of all sockets takes that long */

/* ---- the steps ---- */

static enum tca_state shown(enum tca_state state)
{
    return tca_state_counted(state) ? state : TCA_CLOSED;
}

static enum tca_state last_state(const struct tca_socket *s)
{
    return s->step_count ? (enum tca_state)s->step[s->step_count - 1].state : TCA_CLOSED;
}

/* States without any dwell are passed over; so is what changes nothing. */
static void enter(struct tca_socket *s, int64_t time_ns, enum tca_state state)
{
    if (s->step_count && s->step[s->step_count - 1].time_ns >= time_ns) {
        time_ns = s->step[s->step_count - 1].time_ns;
        s->step_count--;
    }
    if (shown(state) != last_state(s))
        s->step[s->step_count++] =
            (struct tca_socket_step){.time_ns = time_ns, .state = (uint8_t)shown(state)};
}

/* The capture does not show the opening, and so not what this end was before its first step. */
static bool begins_unknown(const struct tca_dossier *d, const struct tca_side *side)
{
    enum tca_event event = side->step_count ? (enum tca_event)side->step[0].event : TCA_EVENT_NONE;
    bool opening = event == TCA_SENT_SYN || event == TCA_GOT_SYN || event == TCA_SENT_SYNACK;
    return (d->m.damage & TCA_DAMAGE_START_CUT) && !opening;
}

/* ---- clocks ---- */

static void doubt(struct tca_socket *s, int64_t from_ns, int64_t to_ns)
{
    assert(s->doubt_count < TCA_DOUBTS_MAX);
    if (from_ns <= to_ns)
        s->doubt[s->doubt_count++] = (struct tca_doubt){from_ns, to_ns};
}

static struct tca_limits limits_of(const struct tca_case *c, int role)
{
    struct tca_limits limits = tca_host_limits(c->host[role]);
    limits.watched_ns = c->d->capture_end_ns;
    return limits;
}

/* How much sooner than by the mirror's clock it may be over. TIME_WAIT and FIN_WAIT2 have a constant time; a ladder's
 * next rung is reckoned from the gap before, which was itself up to an eighth late; and the gaps between SYNs need not
 * grow (net.ipv4.tcp_syn_linear_timeouts), so that half of it may be all. */
static int64_t sooner_ns(enum tca_state state, int64_t interval_ns)
{
    if (state == TCA_TIME_WAIT || state == TCA_FIN_WAIT2)
        return 0;
    return interval_ns / 8 + (state == TCA_SYN_SENT ? interval_ns / 2 : 0);
}

/* The last step is a clock's, or a clock runs: the times between which a kernel's timer may end it. */
static void find_clock(const struct tca_case *c, const struct tca_side *side, struct tca_socket *s)
{
    struct tca_limits limits = limits_of(c, s->role);
    const struct tca_step *top = side->step_count ? &side->step[side->step_count - 1] : NULL;
    bool fired =
        top && side->step_count > 1 && (top->event == TCA_TIMER_2MSL || top->event == TCA_TIMER_USER);
    enum tca_state state = fired ? (enum tca_state)top[-1].state : tca_side_state(side);
    struct tca_timer timer;
    if (!tca_mirror_timer(&c->d->m, s->role, state, &limits, &timer))
        return;
    int64_t over_ns = fired ? top->time_ns : timer.start_ns + timer.interval_ns;
    /* A SYN that was due did not leave: the program had closed before, at any time since the one that did. */
    bool withdrawn = fired && state == TCA_SYN_SENT && s->own_side;
    doubt(s, withdrawn ? side->syn_last_ns : over_ns - sooner_ns(state, timer.interval_ns),
          over_ns + tca_timer_latest(timer.interval_ns) - timer.interval_ns);
}

/* Its own host was watched: what it does not send is not sent. */
static bool overdue(int64_t last_ns, int64_t gap_ns, int64_t until_ns)
{
    return gap_ns > 0 && last_ns >= 0 && until_ns - last_ns > tca_timer_latest(2 * gap_ns);
}

/* A ladder of payload, of a FIN or of probes of a closed window that nothing answered, and whose next rung did not come:
 * the connection was given up, at any time since its last rung (TCP_USER_TIMEOUT, tcp_retries2, a program that closed). */
static void doubt_broken_ladder(const struct tca_case *c, const struct tca_side *side, int64_t until_ns,
                                struct tca_socket *s)
{
    const struct tca_trouble *t = &c->d->trouble[s->role];
    const struct tca_side *peer = &c->d->m.side[1 - s->role];
    bool probed = peer->zero_open && t->probe_run > 1 && t->probe_last_ns > peer->last_ns;
    int64_t last_ns = -1;
    if (!s->own_side || last_state(s) == TCA_CLOSED)
        return;
    if (side->rto_run > 1 && overdue(side->rto_last_ns, side->rto_gap_ns, until_ns))
        last_ns = side->rto_last_ns;
    else if (side->fin_count > 1 && !side->fin_acked_by_peer &&
             overdue(side->fin_last_ns, side->fin_gap_ns, until_ns))
        last_ns = side->fin_last_ns;
    else if (probed && overdue(t->probe_last_ns, t->probe_gap_ns, until_ns))
        last_ns = t->probe_last_ns;
    if (last_ns >= 0 && last_state(s) != TCA_TIME_WAIT && last_state(s) != TCA_FIN_WAIT2)
        doubt(s, last_ns, INT64_MAX);
}

static int64_t closed_by_peer_ns(const struct tca_socket *s)
{
    for (unsigned at = 0; at < s->step_count; at++)
        if (s->step[at].state == TCA_CLOSE_WAIT)
            return s->step[at].time_ns;
    return -1;
}

/* After a repeat nothing more leaves until it is acknowledged, a FIN neither. Its program may have closed behind it without
 * a sign: as the peer closed first, or as the FIN then comes at once and nothing of the peer was read before. */
static void doubt_queued_fin(const struct tca_case *c, int64_t until_ns, struct tca_socket *s)
{
    const struct tca_mirror *m = &c->d->m;
    const struct tca_side *side = &m->side[s->role], *peer = &m->side[1 - s->role];
    const struct tca_mark *last = tca_dossier_last(c->d, TCA_MARK_DATA_RETX, s->role), *first = last, *mark;
    if (!s->own_side || !last)
        return;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_DATA_RETX, s->role, n)) && first == last;
         n++)
        first = mark->seq == last->seq ? mark : first;
    int64_t path_ns = m->path_to_server_ns > 0 ? m->path_to_server_ns : 0;
    int64_t gone_ns = last_state(s) == TCA_CLOSED ? s->step[s->step_count - 1].time_ns : until_ns;
    int64_t closed_ns = side->fin_sent ? side->fin_first_ns : gone_ns;
    bool pending = !peer->acked_known || seq_before(peer->acked, last->seq + last->len);
    bool heard =
        peer->first_data_ns >= 0 && peer->first_data_ns < closed_ns && peer->last_data_ns > last->time_ns;
    bool at_once = side->fin_sent && closed_ns >= last->time_ns && !heard &&
                   closed_ns - last->time_ns <= path_ns + TCA_DELAYED_ACK_NS;
    int64_t passive_ns = closed_by_peer_ns(s);
    if (at_once)
        doubt(s, first->time_ns, closed_ns);
    else if (!side->fin_sent && pending && passive_ns >= 0)
        doubt(s, passive_ns > first->time_ns ? passive_ns : first->time_ns, closed_ns);
}

/* Payload or a FIN is the application's word. */
static int64_t accepted_ns(const struct tca_dossier *d)
{
    const struct tca_side *server = &d->m.side[TCA_SERVER];
    int64_t fin_ns = server->fin_sent ? server->fin_first_ns : -1;
    if (server->first_data_ns < 0 || (fin_ns >= 0 && fin_ns < server->first_data_ns))
        return fin_ns;
    return server->first_data_ns;
}

/* ---- what only the host's own side shows ---- */

/* A request repeats its SYN+ACK when a second is over; a SYN cookie has neither a request nor a timer
 * (net/ipv4/tcp_input.c tcp_conn_request). */
static bool has_timer_rung(const struct tca_dossier *d)
{
    const struct tca_mark *synack;
    for (unsigned n = 1; (synack = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, n)) != NULL; n++)
        if (!synack->answers_syn)
            return true;
    return false;
}

static bool at_own_side(const struct tca_case *c, int role)
{
    return c->vantage == TCA_VANTAGE_SAME_HOST ||
           c->vantage == (role == TCA_SERVER ? TCA_VANTAGE_SERVER : TCA_VANTAGE_CLIENT);
}

/* The SYN+ACKs were cookies: they look so, or at the server's side they stood for longer than a request's timer. */
static bool is_cookie(const struct tca_case *c, int64_t until_ns)
{
    const struct tca_dossier *d = c->d;
    const struct tca_side *server = &d->m.side[TCA_SERVER];
    if (!server->synack_count || has_timer_rung(d))
        return false;
    if (c->pressed->cookie || tca_cookie_evidence(c, NULL) == TCA_COOKIE_STRONG || tca_syn_met_no_request(d))
        return true;
    int64_t enough = tca_timer_latest(server->synack_count > 1 ? 4 * TCA_INITIAL_RTO_NS : TCA_INITIAL_RTO_NS);
    return at_own_side(c, TCA_SERVER) && until_ns - server->syn_last_ns > enough;
}

/* The SYN+ACK passed its own host's tap and no ACK followed: it was not received (a firewall), or there is no socket
 * that waits for it (a hand-made SYN). */
static bool never_took_synack(const struct tca_dossier *d, const struct tca_side *client, int64_t until_ns)
{
    const struct tca_step *top = client->step_count ? &client->step[client->step_count - 1] : NULL;
    return top && top->state == TCA_ESTABLISHED && top->event == TCA_GOT_SYNACK && !top->proved &&
           !d->m.acks_since_synack && until_ns - top->time_ns > TCA_INITIAL_RTO_NS;
}

/* It goes on asking where SYN+ACKs pass, and acknowledges none: its SYNs come through, so its ACKs would. */
static bool asks_on(const struct tca_mirror *m)
{
    return m->side[TCA_CLIENT].syn_count > 1 && m->side[TCA_SERVER].synack_count > 2;
}

/* A forged address in a flood: whoever asks from a socket asks again, or acknowledges. */
static bool is_forged(const struct tca_case *c, int64_t until_ns)
{
    const struct tca_side *client = &c->d->m.side[TCA_CLIENT];
    return c->listener->flood && c->listener->flood_kind == TCA_FLOOD_SPOOFED && !c->d->m.acks_since_synack &&
           client->syn_count == 1 && client->pkts == 1 &&
           until_ns - client->syn_last_ns > tca_timer_latest(TCA_INITIAL_RTO_NS);
}

/* Without the SYN+ACK: as long as its SYN's clock ran, if that ever rang. */
static void end_of_asking(const struct tca_case *c, int64_t until_ns, struct tca_socket *s)
{
    struct tca_limits limits = limits_of(c, TCA_CLIENT);
    struct tca_timer timer;
    bool runs = tca_mirror_timer(&c->d->m, TCA_CLIENT, TCA_SYN_SENT, &limits, &timer);
    int64_t over_ns = runs ? timer.start_ns + timer.interval_ns : until_ns;
    if (c->d->m.side[TCA_CLIENT].syn_count == 1)
        s->step_count = 0;
    else if (over_ns < until_ns)
        enter(s, over_ns, TCA_CLOSED);
}

/* ---- the whole ---- */

/* Behind a translation what the client sends comes a little later than in the row that is counted, what the server sends a
 * little sooner. Its listener goes by the times of that row, and so do its sockets. */
static int64_t step_ns(const struct tca_dossier *d, int role, const struct tca_step *step)
{
    bool sent = step->event >= TCA_SENT_SYN && step->event <= TCA_SENT_RST;
    bool received = step->event >= TCA_GOT_SYN && step->event <= TCA_GOT_RST;
    if (role == TCA_CLIENT || !(sent || received) || step->time_ns < d->nat_later_ns)
        return step->time_ns;
    return sent ? step->time_ns + d->nat_later_ns : step->time_ns - d->nat_later_ns;
}

static void enter_steps(const struct tca_case *c, int role, int64_t until_ns, struct tca_socket *s)
{
    const struct tca_dossier *d = c->d;
    const struct tca_side *side = &d->m.side[role];
    bool refused = role == TCA_CLIENT && (at_own_side(c, role) || asks_on(&d->m)) &&
                   never_took_synack(d, side, until_ns);
    for (int at = 0; at < side->step_count - refused; at++) {
        const struct tca_step *step = &side->step[at];
        int64_t left_ns = at + 1 < side->step_count ? step[1].time_ns : until_ns;
        bool cookie = role == TCA_SERVER && step->state == TCA_SYN_RECV && is_cookie(c, left_ns);
        enter(s, step_ns(d, role, step), cookie ? TCA_CLOSED : (enum tca_state)step->state);
    }
    if (refused)
        end_of_asking(c, until_ns, s);
}

/* It sent nothing, though its own host was watched: nobody was there to be spoken to. */
static bool mute(const struct tca_dossier *d, const struct tca_side *side, bool own_side)
{
    return own_side && !side->pkts && begins_unknown(d, side);
}

/* Where accept() is deferred a bare ACK leaves the request a request, until payload or a FIN comes, or its SYN+ACK is
 * repeated and acknowledged. */
static void doubt_deferred(const struct tca_case *c, int64_t until_ns, struct tca_socket *s)
{
    const struct tca_side *client = &c->d->m.side[TCA_CLIENT], *server = &c->d->m.side[TCA_SERVER];
    if (s->role != TCA_SERVER || !c->listener->deferred_opens || server->synack_count > 1)
        return;
    int64_t spoke_ns = until_ns, fin_ns = client->fin_sent ? client->fin_first_ns : -1;
    const int64_t told[] = {client->first_data_ns, fin_ns, server->first_data_ns};
    for (unsigned at = 0; at < sizeof told / sizeof *told; at++)
        if (told[at] >= 0 && told[at] < spoke_ns)
            spoke_ns = told[at];
    for (unsigned at = 1; at < s->step_count; at++)
        if (s->step[at - 1].state == TCA_SYN_RECV && s->step[at].state == TCA_ESTABLISHED &&
            s->step[at].time_ns + NEAR_NS < spoke_ns) {
            doubt(s, s->step[at].time_ns, spoke_ns);
            return;
        }
}

/* It lacks what a cookie lacks, though nothing else says that it was one. Or its acknowledgment was refused, or its listener was
 * pressed, which is so of a request and of a cookie alike, and what tells these apart was cut. */
static bool may_hide_cookie(const struct tca_case *c)
{
    const struct tca_mirror *m = &c->d->m;
    if (tca_cookie_options_withheld(m, tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, 0),
                                    tca_dossier_mark(c->d, TCA_MARK_SYNACK, TCA_SERVER, 0)))
        return true;
    bool refused = m->open_refuted || (m->child_proved && m->child_ns > m->first_ack_ns);
    return (refused || c->listener->episode_count) && (m->damage & TCA_DAMAGE_SNAPLEN);
}

/* A SYN+ACK that may have been a cookie leaves no socket until it is acknowledged. */
static void doubt_request(const struct tca_case *c, int64_t until_ns, struct tca_socket *s)
{
    if (s->role != TCA_SERVER || has_timer_rung(c->d) ||
        (tca_cookie_evidence(c, NULL) == TCA_COOKIE_NONE && !may_hide_cookie(c)))
        return;
    for (unsigned at = 0; at < s->step_count; at++)
        if (s->step[at].state == TCA_SYN_RECV) {
            doubt(s, s->step[at].time_ns, at + 1U < s->step_count ? s->step[at + 1].time_ns : until_ns);
            return;
        }
}

/* A service that accepts nothing frees no place: while its queue is full, no request becomes a connection. Which of the
 * client's segments made this one the flow alone does not show; it was none that came before the service went on. */
static int64_t admitted_ns(const struct tca_case *c, const struct tca_episode *e, int64_t told_ns)
{
    bool frozen = !e->slow && !e->partial && e->confidence >= TCA_EPISODE_PROBABLE && e->resume_ns >= 0;
    if (!frozen || told_ns <= e->first_ns || told_ns >= e->resume_ns)
        return told_ns;
    for (unsigned at = 0; at < c->d->mark_count; at++)
        if ((c->d->mark[at].roles & TCA_MARK_OPEN_ACK) && c->d->mark[at].time_ns >= e->resume_ns)
            return c->d->mark[at].time_ns;
    return told_ns;
}

static void admit_late(const struct tca_case *c, struct tca_socket *s)
{
    if (s->role != TCA_SERVER || !c->d->m.open_refuted ||
        !tca_dossier_mark(c->d, TCA_MARK_CHILD, TCA_SERVER, 0))
        return;
    for (unsigned at = 1; at < s->step_count; at++) {
        struct tca_socket_step *step = &s->step[at];
        const struct tca_episode *e = tca_listener_episode(c->listener, step->time_ns, NEAR_NS);
        if (!e || step[-1].state != TCA_SYN_RECV || step->state != TCA_ESTABLISHED)
            continue;
        int64_t time_ns = admitted_ns(c, e, step->time_ns);
        if (at + 1U == s->step_count || time_ns < step[1].time_ns)
            step->time_ns = time_ns;
    }
}

/* When a request repeats its SYN+ACK at the latest. */
static int64_t next_rung_ns(const struct tca_mirror *m)
{
    const struct tca_side *server = &m->side[TCA_SERVER];
    bool climbs = server->synack_count > 1 && server->syn_gap_ns > TCA_INITIAL_RTO_NS / 2;
    return server->syn_last_ns + tca_timer_latest(climbs ? tca_mirror_synack_wait_ns(m) : TCA_INITIAL_RTO_NS);
}

/* While the accept queue is full an ACK opens nothing, and one after a refused one may be refused again, by the queue or by
 * a filter before it (not so behind TCP_DEFER_ACCEPT's one repeat); until the server's side shows that it is open, or asks
 * again, nobody knows. It would ask again when the request's timer rings. Behind a cookie nothing does, nor does anything
 * answer the client's payload, however often it comes: where any may have been refused an ACK tells nothing. */
static void doubt_refused(const struct tca_case *c, int64_t until_ns, struct tca_socket *s)
{
    const struct tca_mark *child = tca_dossier_mark(c->d, TCA_MARK_CHILD, TCA_SERVER, 0);
    int64_t shown_ns = child ? child->time_ns : until_ns;
    const struct tca_side *client = &c->d->m.side[TCA_CLIENT], *server = &c->d->m.side[TCA_SERVER];
    bool unheard = !child && server->pkts == server->synack_count && client->retx_pkts > 1;
    bool over = server->synack_count == 2 && server->syn_gap_ns >= TCA_LINUX_DEFER_MIN_NS;
    bool again = c->d->m.open_refuted && !over;
    unsigned at =
        s->step_count && s->step[0].state == TCA_SYN_RECV; /* behind a cookie there is no such step */
    if (s->role != TCA_SERVER || at >= s->step_count || s->step[at].state != TCA_ESTABLISHED)
        return;
    int64_t open_ns = s->step[at].time_ns, rung_ns = next_rung_ns(&c->d->m);
    if (at > 0 && rung_ns < shown_ns && !unheard)
        shown_ns = rung_ns;
    bool cookie = at == 0 && is_cookie(c, open_ns) && c->listener->listen_overflows.max;
    if (open_ns + NEAR_NS < shown_ns &&
        (again || unheard || cookie || tca_listener_episode(c->listener, open_ns, NEAR_NS)))
        doubt(s, open_ns, shown_ns);
}

/* A bare FIN right behind all that this end had acknowledged. In FIN_WAIT2 any other, and payload, is reset wherever the
 * program had closed (tcp_minisocks.c tcp_timewait_state_process). */
static bool next_in_line(const struct tca_side *side, const struct tca_mark *fin)
{
    return (fin->flags & TCA_FIN) && !fin->len && side->acked_known && fin->seq == side->acked;
}

/* It answered the FIN that should have brought it to TIME_WAIT with a reset, sooner than any tcp_fin_timeout ends
 * FIN_WAIT2: there was no room (tcp_max_tw_buckets). */
static bool refused_time_wait(const struct tca_dossier *d, int role)
{
    const struct tca_mark *rst;
    for (unsigned at = 0; (rst = tca_dossier_mark(d, TCA_MARK_RST, role, at)) != NULL; at++) {
        const struct tca_mark *fin = tca_rst_shape(rst) == TCA_SHAPE_P ? tca_rst_trigger(d, rst) : NULL;
        const struct tca_mark *ack = fin ? tca_dossier_mark(d, TCA_MARK_FIN_ACK, 1 - role, 0) : NULL;
        if (ack && next_in_line(&d->m.side[role], fin) && fin->receiver_state == TCA_FIN_WAIT2 &&
            rst->time_ns - ack->time_ns < TCA_SECOND && !tca_rst_foreign(d, rst))
            return true;
    }
    return false;
}

static void note_memory(const struct tca_case *c, const struct tca_side *side, struct tca_socket *s)
{
    const struct tca_dossier *d = c->d;
    int64_t room;
    bool known = tca_host_knows(c->host[s->role], TCA_SETTING_tcp_max_tw_buckets, &room);
    s->tw_room = known ? (uint32_t)room : UINT32_MAX;
    const struct tca_mark *woken = tca_dossier_mark(d, TCA_MARK_IN_TIME_WAIT, 1 - s->role, 0);
    struct tca_reuse reuse;
    s->prior_absent = s->role == TCA_SERVER && tca_reuse_of(d, &reuse) && tca_reuse_absent(&reuse);
    s->forgets = s->prior_absent || refused_time_wait(d, s->role);
    s->keeps = woken && side->last_ns > woken->time_ns;
}

static void name(const struct tca_case *c, int role, struct tca_socket *s)
{
    const struct tca_dossier *d = c->d;
    for (int end = 0; end < 2; end++) {
        memcpy(s->addr[end], d->addr[role ^ end], sizeof s->addr[end]);
        s->port[end] = d->port[role ^ end];
    }
    s->family = d->family;
    s->role = (uint8_t)role;
    s->capture = d->capture;
    s->own_side = at_own_side(c, role);
    s->watched_ns = d->capture_end_ns;
    s->id_frame = d->id_frame;
    s->accepted_ns = role == TCA_SERVER ? accepted_ns(d) : -1;
}

bool tca_socket_of(const struct tca_case *c, int role, int64_t until_ns, struct tca_socket *s)
{
    const struct tca_dossier *d = c->d;
    const struct tca_side *side = &d->m.side[role];
    memset(s, 0, sizeof *s);
    if (mute(d, side, at_own_side(c, role)) || (role == TCA_CLIENT && is_forged(c, until_ns)))
        return false;
    if (begins_unknown(d, side))
        enter(s, d->m.start_ns, TCA_UNKNOWN);
    if (d->m.end_ns >= 0)
        until_ns = d->m.end_ns;
    enter_steps(c, role, until_ns, s);
    if (d->m.end_ns >= 0)
        enter(s, d->m.end_ns, TCA_CLOSED);
    if (!s->step_count)
        return false;
    name(c, role, s);
    note_memory(c, side, s);
    find_clock(c, side, s);
    admit_late(c, s);
    doubt_request(c, until_ns, s);
    doubt_deferred(c, until_ns, s);
    doubt_refused(c, until_ns, s);
    doubt_broken_ladder(c, side, until_ns, s);
    doubt_queued_fin(c, until_ns, s);
    return true;
}

void tca_socket_cut(struct tca_socket *s, int64_t time_ns)
{
    bool gone = last_state(s) == TCA_CLOSED;
    if (time_ns == INT64_MAX || (gone && s->step_count && s->step[s->step_count - 1].time_ns <= time_ns))
        return;
    while (s->step_count && s->step[s->step_count - 1].time_ns >= time_ns)
        s->step_count--;
    if (s->step_count)
        enter(s, time_ns, TCA_CLOSED);
    for (unsigned at = 0; at < s->doubt_count; at++)
        if (s->doubt[at].to_ns > time_ns)
            s->doubt[at].to_ns = time_ns;
}

void tca_socket_doubt_time_wait(struct tca_socket *s, int64_t time_ns)
{
    for (unsigned at = 0; at < s->step_count; at++)
        if (s->step[at].state == TCA_TIME_WAIT && s->step[at].time_ns < time_ns) {
            int64_t left_ns = at + 1U < s->step_count ? s->step[at + 1].time_ns : INT64_MAX;
            doubt(s, s->step[at].time_ns, left_ns < time_ns ? left_ns : time_ns);
            return;
        }
}

enum tca_state tca_socket_state_at(const struct tca_socket *s, int64_t time_ns)
{
    enum tca_state state = TCA_CLOSED;
    for (unsigned at = 0; at < s->step_count && s->step[at].time_ns <= time_ns; at++)
        state = (enum tca_state)s->step[at].state;
    return state;
}

/* Without overflow, whatever the capture's times are. */
static bool between(int64_t time_ns, int64_t from_ns, int64_t to_ns)
{
    bool late_enough = time_ns >= from_ns || (uint64_t)from_ns - (uint64_t)time_ns <= (uint64_t)NEAR_NS;
    bool early_enough = time_ns <= to_ns || (uint64_t)time_ns - (uint64_t)to_ns <= (uint64_t)NEAR_NS;
    return late_enough && early_enough;
}

bool tca_socket_unsure_at(const struct tca_socket *s, int64_t time_ns)
{
    for (unsigned at = 0; at < s->step_count; at++)
        if (between(time_ns, s->step[at].time_ns, s->step[at].time_ns))
            return true;
    for (unsigned at = 0; at < s->doubt_count; at++)
        if (s->doubt[at].from_ns <= s->doubt[at].to_ns &&
            between(time_ns, s->doubt[at].from_ns, s->doubt[at].to_ns))
            return true;
    return false;
}
