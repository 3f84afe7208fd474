/* SPDX-License-Identifier: MIT
 *
 * Reading how a connection opened.
 *
 * A tuple's older connection, several servers behind one address and stray copies put SYNs, SYN+ACKs and ACKs into one
 * flow that do not belong together; each is told by the numbers it acknowledges. Timers: first SYN and SYN+ACK rung after
 * 1 s, late by up to an eighth (Linux; RFC 6298 section 2). All walks are over the marks of one flow, at most
 * TCA_MARKS_MAX.
 */
#include "classify/opening.h"

#include "base/seq32.h"
#include "classify/memory.h"
#include "classify/read/cookie.h"

#include <string.h>

/* Open at some time; `proved`: by what it sent itself. */
static bool was_open(const struct tca_side *side, bool proved)
{
    for (unsigned at = 0; at < side->step_count; at++)
        if ((side->step[at].proved || !proved) &&
            tca_state_synchronized((enum tca_state)side->step[at].state))
            return true;
    return false;
}

bool tca_opening_shown(const struct tca_side *side)
{
    return was_open(side, true);
}

bool tca_opening_answered(const struct tca_side *client, const struct tca_mark *mark)
{
    return client->iss_known && seq_after(mark->ack, client->iss) &&
           seq_before_eq(mark->ack, client->snd_nxt);
}

/* A server that keeps no state, or one of several behind one address, may answer the next copy of a SYN with another ISN: it
 * counts if that is the one with which the connection went on. */
enum { ANSWERS = TCA_MARK_SYNACK | TCA_MARK_OTHER_SYNACK };

static bool is_answer(const struct tca_opening *o, const struct tca_mark *mark)
{
    bool other = !(mark->roles & TCA_MARK_SYNACK) && mark->seq != o->server->iss;
    return !other && tca_opening_answered(o->client, mark);
}

/* The SYN+ACK whose ISN this acknowledgment names. */
static const struct tca_mark *acknowledged(const struct tca_dossier *d, const struct tca_opening *o,
                                           uint32_t ack)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(d, ANSWERS, TCA_SERVER, n)); n++)
        if (is_answer(o, mark) && mark->seq + 1 == ack)
            return mark;
    return NULL;
}

/* The client's first ACK, and the SYN+ACK that it chose by it. */
static void find_ack(const struct tca_dossier *d, struct tca_opening *o)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; !o->ack && (mark = tca_dossier_mark(d, TCA_MARK_OPEN_ACK, TCA_CLIENT, n)); n++) {
        o->synack = mark->flags & TCA_RST ? NULL : acknowledged(d, o, mark->ack);
        if (o->synack)
            o->ack = mark;
    }
}

static void find_synacks(const struct tca_dossier *d, struct tca_opening *o)
{
    const struct tca_mark *mark;
    const unsigned roles = o->synack ? ANSWERS : TCA_MARK_SYNACK;
    for (unsigned n = 0; (mark = tca_dossier_mark(d, roles, TCA_SERVER, n)); n++) {
        if (!is_answer(o, mark) || (o->synack && mark->seq != o->synack->seq))
            continue; /* of another connection, of another server, or of what a stray SYN began later */
        if (!o->synack)
            o->synack = mark;
        o->last_synack = mark;
    }
}

/* A copy that passes after the client's ACK is a straggler of the network, not a try. Of the first one of all only the
 * record stands there. */
static void find_syns(const struct tca_dossier *d, struct tca_opening *o)
{
    bool misplaced = !(d->m.damage & TCA_DAMAGE_START_CUT);
    const struct tca_mark *mark;
    if (!misplaced && !o->synack)
        return; /* of what was open when the capture began */
    for (unsigned n = 0; (mark = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, n)); n++) {
        if (o->ack && mark->frame > o->ack->frame && (o->syn || !misplaced))
            return;
        if (!o->syn)
            o->syn = mark;
        o->last_syn = mark;
        o->syn_copies = mark->copy < 255 ? mark->copy : (unsigned)o->client->syn_count;
    }
}

/* It acknowledges this SYN, with or without the data on it. A child of fast open may speak before its SYN+ACK is
 * seen. */
static bool of_this_syn(const struct tca_opening *o, const struct tca_mark *mark)
{
    return o->client->iss_known && seq_after(mark->ack, o->client->iss) &&
           seq_before_eq(mark->ack, o->client->iss + 1 + o->syn->len);
}

/* Witnesses are segments of the tuple's older connection, so tca_dossier_mark() passes over them. */
static bool is_challenge(const struct tca_opening *o, const struct tca_mark *mark)
{
    return mark->side == TCA_SERVER && (mark->roles & TCA_MARK_CHALLENGE) &&
           (mark->flags & (TCA_SYN | TCA_RST | TCA_FIN | TCA_ACK)) == TCA_ACK && o->syn &&
           mark->frame > o->syn->frame && (!o->synack || mark->frame < o->synack->frame) &&
           !of_this_syn(o, mark);
}

static void find_challenges(const struct tca_dossier *d, struct tca_opening *o)
{
    bool any = !d->index.known || (d->index.any & TCA_MARK_CHALLENGE);
    for (unsigned at = 0; any && at < d->mark_count; at++) {
        if (!is_challenge(o, &d->mark[at]))
            continue;
        if (!o->challenges++)
            o->challenge = &d->mark[at];
    }
}

bool tca_opening_request_reset(const struct tca_opening *o)
{
    return o->refusal && !(o->refusal->flags & TCA_ACK) && o->synack && o->refusal->seq == o->synack->seq + 1;
}

static struct tca_opening read_opening(const struct tca_dossier *d)
{
    struct tca_opening o = {.m = &d->m, .client = &d->m.side[TCA_CLIENT], .server = &d->m.side[TCA_SERVER]};
    o.refusal = tca_dossier_mark(d, TCA_MARK_RST, TCA_SERVER, 0);
    o.withdrawal = tca_dossier_mark(d, TCA_MARK_RST, TCA_CLIENT, 0);
    find_ack(d, &o);
    find_synacks(d, &o);
    find_syns(d, &o);
    find_challenges(d, &o);
    o.opened = o.ack || tca_opening_shown(o.client);
    o.child = d->m.child_proved;
    o.stuck = o.opened && !o.child && !was_open(o.server, false) &&
              (d->m.open_refuted || tca_opening_request_reset(&o));
    o.end_ns = d->capture_end_ns > d->m.last_ns ? d->capture_end_ns : d->m.last_ns;
    if (d->m.end_ns >= 0 && d->m.end_ns < o.end_ns)
        o.end_ns = d->m.end_ns;
    return o;
}

struct tca_opening tca_opening_of(const struct tca_case *c)
{
    struct tca_memory *memory = c->memory;
    if (!memory)
        return read_opening(c->d);
    if (!memory->knows_opening)
        memory->opening = read_opening(c->d);
    memory->knows_opening = true;
    return memory->opening;
}

bool tca_opening_midstream(const struct tca_opening *o)
{
    return !o->syn && !o->m->server_syn_bare;
}

bool tca_opening_self(const struct tca_dossier *d, struct tca_self *ret_self)
{
    bool one_end = d->port[TCA_CLIENT] == d->port[TCA_SERVER] &&
                   !memcmp(d->addr[TCA_CLIENT], d->addr[TCA_SERVER], sizeof d->addr[TCA_CLIENT]);
    ret_self->syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0);
    ret_self->synack = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_CLIENT, 0);
    return one_end && ret_self->syn && ret_self->synack && ret_self->syn->seq == ret_self->synack->seq &&
           ret_self->synack->ack == ret_self->syn->seq + 1;
}

const struct tca_mark *tca_opening_rung(const struct tca_case *c, const struct tca_opening *o, unsigned n)
{
    const struct tca_mark *mark;
    for (unsigned at = 0; (mark = tca_dossier_mark(c->d, ANSWERS, TCA_SERVER, at)); at++)
        if (o->synack && mark->seq == o->synack->seq && mark->frame > o->synack->frame &&
            !mark->answers_syn && mark->time_ns - o->synack->time_ns >= TCA_TIMER_NS && n-- == 0)
            return mark;
    return NULL;
}

/* ---- is there a request? ---- */

bool tca_opening_silent_cookie(const struct tca_case *c, const struct tca_opening *o)
{
    bool heard = o->opened || o->withdrawal || o->refusal;
    return tca_near_server(c->vantage) && c->listener->cookie_count && o->syn && o->synack && !heard &&
           !tca_opening_rung(c, o, 0) && o->end_ns - o->synack->time_ns >= TCA_RUNG_NS;
}

bool tca_opening_no_request(const struct tca_case *c, const struct tca_opening *o)
{
    int64_t until_ns = tca_opening_request_reset(o) ? o->refusal->time_ns : o->end_ns;
    bool refused = o->stuck && o->m->open_refuted && tca_near_server(c->vantage);
    bool left = (tca_cookie_options_missing(o->m, o->syn, o->synack) || refused) &&
                !tca_opening_rung(c, o, 0) && until_ns - o->synack->time_ns >= TCA_RUNG_NS;
    bool cookie = (c->pressed->cookie || c->pressed->vain) && !tca_opening_rung(c, o, 0);
    return left || cookie || tca_opening_silent_cookie(c, o);
}

bool tca_opening_ack_unseen(const struct tca_case *c, const struct tca_opening *o)
{
    return c->listener->blind && !o->stuck && o->server->synack_count == 1;
}
