/* SPDX-License-Identifier: MIT
 *
 * Resets that are not what they seem: built elsewhere than by the host whose address they bear, or without effect on their
 * receiver.
 *
 * Decisive is what the alleged sender does next: a host that reset a connection has nothing more to say of it. A receiver
 * shows by an ACK of its own numbers, or by going on, that it did not take the reset. Checked against RFC 5961 section 3
 * and Linux tcp_validate_incoming(), tcp_timewait_state_process() (5.10 to 7.2).
 */
#include "base/bits.h"
#include "base/seq32.h"
#include "classify/resets.h"

#include <stdio.h>
#include <string.h>

/* No path lets a sender's older segments pass this long after its RST. */
static const int64_t REORDER_NS = 200 * TCA_MS;

/* What was under way when an RST passed has arrived by then. */
static const int64_t GOES_ON_NS = TCA_SECOND;

/* ---- forged ---- */

/* A SYN after the RST may have begun anew what the RST refused. */
static bool begun_anew(const struct tca_case *c, const struct tca_mark *rst, const struct tca_mark *until)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_SYN, 1 - rst->side, n)); n++)
        if (mark->frame > rst->frame && mark->frame < until->frame)
            return true;
    return false;
}

/* It acknowledges what the peer sent after the RST had passed. */
static bool knows_more(const struct tca_mark *mark, const struct tca_mark *rst)
{
    return (mark->flags & TCA_ACK) && seq_after(mark->ack, rst->peer_end);
}

/* The network's copy of what passed before, or what is older than what did: however late it comes, it was not sent now. */
static bool is_straggler(const struct tca_mark *mark)
{
    return mark->roles & (TCA_MARK_OLD_DUP | TCA_MARK_REORDERED);
}

/* A segment that its alleged sender sent after the RST, and that cannot merely have been overtaken by it. New payload is
 * no proof: an RST that answers a segment bears the number that this acknowledged, and more may have been under way. */
static const struct tca_mark *went_on(const struct tca_case *c, const struct tca_mark *rst)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_AFTER_RST, rst->side, n)); n++) {
        if (mark->frame < rst->frame || mark->flags & TCA_SYN || begun_anew(c, rst, mark))
            continue;
        bool late = mark->time_ns - rst->time_ns >= REORDER_NS && !is_straggler(mark);
        if (late || knows_more(mark, rst))
            return mark;
    }
    return NULL;
}

/* Its receiver did not take it, and the capture shows a connection before this one on the same ports: it may be its alleged
 * sender's own, late, of that one. */
static bool may_be_of_older(const struct tca_rst *r)
{
    return r->rst->rst_fit == TCA_RST_OUTSIDE && r->c->d->m.prior.exists;
}

static enum tca_confidence forged_level(const struct tca_rst *r)
{
    /* Of two incarnations that began before the capture one may go on where the other reset; and where the other direction
     * is missing so is what would tell an old segment from a new one. */
    if (may_be_of_older(r))
        return TCA_NO;
    if (went_on(r->c, r->rst))
        return r->c->d->m.damage & (TCA_DAMAGE_START_CUT | TCA_DAMAGE_ONE_WAY) ? TCA_PROBABLE : TCA_CERTAIN;
    if (tca_rst_answers_synack(r))
        return TCA_NO;
    if (r->signs & (TCA_SIGN_TTL | TCA_SIGN_SERIES))
        return tca_count_bits(r->signs) > 1 ? TCA_PROBABLE : TCA_POSSIBLE;
    return tca_count_bits(r->signs) > 1 ? TCA_POSSIBLE : TCA_NO;
}

bool tca_rst_is_forged(const struct tca_rst *r)
{
    return forged_level(r) != TCA_NO;
}

static void say_signs(struct tca_judgement *j, const struct tca_rst *r)
{
    static const struct {
        unsigned sign;
        const char *words;
    } signs[] = {
        {TCA_SIGN_TTL, "its TTL is another"},
        {TCA_SIGN_IP_ID, "its IP ID does not continue theirs"},
        {TCA_SIGN_TIMESTAMP, "it has no timestamp"},
        {TCA_SIGN_BOTH_WAYS, "the other end reset at the same moment"},
        {TCA_SIGN_SERIES, "it is one of several with different numbers"},
    };
    char list[160] = "";
    for (size_t at = 0; at < sizeof signs / sizeof *signs; at++) {
        size_t used = strlen(list);
        if (r->signs & signs[at].sign)
            snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", signs[at].words);
    }
    tca_say(j, "Unlike the %s's other segments: %s.", tca_rst_who(r), list);
}

void judge_rst_forged_or_middlebox(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_POSSIBLE, &f))
        return;
    const struct tca_mark *after = went_on(c, f.first.rst);
    j->confidence = forged_level(&f.first);
    j->actor = TCA_ACTOR_PATH;
    tca_prove(j, after);
    if (after)
        tca_say(j, "The %s went on sending after this reset, so it was not its own.", tca_rst_who(&f.first));
    else
        say_signs(j, &f.first);
}

/* ---- by the receiver ---- */

bool tca_rst_is_in_time_wait(const struct tca_rst *r)
{
    return r->rst->receiver_state == TCA_TIME_WAIT;
}

void judge_rst_in_time_wait(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (tca_rst_hold(c, j, TCA_CERTAIN, &f))
        tca_say(j, "The %s's reset met TIME_WAIT at the %s.", tca_rst_who(&f.first), tca_rst_peer(&f.first));
}

/* RFC 5961 section 3.2: a reset in the window but not at the expected number, what it was asked, and the exact reset that
 * only a host without such a connection gives. */
struct challenged {
    const struct tca_mark *challenge, *exact;
};

static struct challenged challenged_of(const struct tca_case *c, const struct tca_mark *rst)
{
    struct challenged found = {NULL, NULL};
    if (rst->rst_fit == TCA_RST_OUTSIDE || rst->rst_fit == TCA_RST_BLIND)
        return found;
    for (unsigned n = 0; (found.challenge = tca_dossier_mark(c->d, TCA_MARK_CHALLENGE, 1 - rst->side, n));
         n++)
        if (found.challenge->frame > rst->frame && seq_before(found.challenge->ack, rst->seq))
            break;
    for (unsigned n = 0; found.challenge; n++) {
        found.exact = tca_dossier_mark(c->d, TCA_MARK_RST, rst->side, n);
        if (!found.exact ||
            (found.exact->frame > found.challenge->frame && tca_rst_shape(found.exact) == TCA_SHAPE_P &&
             found.exact->seq == found.challenge->ack))
            break;
    }
    return found;
}

/* An ignored reset is no cause of anything: its receiver challenged it, or went on. A reply that bears the
 * acknowledgment of what it answers is always taken. */
bool tca_rst_is_ignored(const struct tca_case *c, const struct tca_mark *rst)
{
    if ((rst->rst_fit != TCA_RST_IN_WINDOW && rst->rst_fit != TCA_RST_OUTSIDE) ||
        tca_rst_trigger(c->d, rst) || rst->receiver_state == TCA_TIME_WAIT ||
        rst->receiver_state == TCA_CLOSED || challenged_of(c, rst).exact)
        return false;
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_CHALLENGE, 1 - rst->side, n)); n++)
        if (mark->frame > rst->frame)
            return true;
    const struct tca_mark *last = tca_dossier_last(c->d, TCA_MARK_LAST, 1 - rst->side);
    return went_on(c, rst) || (last && !(last->flags & TCA_RST) && last->time_ns - rst->time_ns > GOES_ON_NS);
}

/* Two resets of one host: the first was its own decision, the second says that no such connection is left. */
void judge_rst_challenge_needed(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_mark *rst;
    for (unsigned n = 0; (rst = tca_dossier_mark(c->d, TCA_MARK_RST, -1, n)); n++) {
        struct challenged found = challenged_of(c, rst);
        if (!found.exact)
            continue;
        tca_hold(j, tca_level(c, tca_levels_but_client, TCA_BASIS_SEEN), found.exact->time_ns);
        j->actor = rst->side;
        j->value = found.exact->time_ns - rst->time_ns;
        j->unit = "ns";
        tca_prove(j, rst);
        tca_prove(j, found.challenge);
        tca_prove(j, found.exact);
        tca_say(j,
                "The %s's reset was %u bytes ahead of what the %s expected; asked, it repeated it exactly.",
                tca_role_name[rst->side], rst->seq - found.challenge->ack, tca_role_name[1 - rst->side]);
        return;
    }
}

/* A fact about acceptance, whatever the cause: every ignored reset is listed. */
void judge_rst_invalid(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_mark *rst, *first = NULL;
    for (unsigned n = 0; (rst = tca_dossier_mark(c->d, TCA_MARK_RST, -1, n)); n++) {
        if (!tca_rst_is_ignored(c, rst))
            continue;
        first = first ? first : rst;
        j->value++;
        tca_prove(j, rst);
    }
    if (!first)
        return;
    tca_hold(j, tca_level(c, tca_levels_certain, TCA_BASIS_SILENCE), first->time_ns);
    j->actor = first->side;
    j->unit = "pkts";
    tca_say(j, "%u reset(s) with a number that the receiver did not accept; the connection went on.",
            (unsigned)j->value);
}
