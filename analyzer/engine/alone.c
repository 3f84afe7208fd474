/* SPDX-License-Identifier: MIT
 *
 * SYNs that nothing answered, beyond those for which there is memory. Whoever floods invents as many addresses as he likes, and
 * each costs as much as a connection in what is held together of many (hosts, listeners, pressure). So only the first ones, by
 * time, are taken in there; each of the rest has its row, is judged by itself, counts nowhere else, and says so (damage
 * cut_short). Which these are follows from row order and --memory alone. Damage says the same of what pass 1 had to finish early
 * (flow/early.c), whatever that was; of these, too, only the first ones that are a SYN are taken in here.
 *
 * What was sent once and what was sent again have room of their own, so that a flood does not push out who asks in vain; and so has
 * everything else, for connections that are answered cost who makes them little more: the same is done with what is beyond, but that
 * its listener knows it was not the last (classify/sweep/gather.c).
 *
 *      row order ->  taken in, as everything else ....... | `from`: the rest of its kind is cut short
 */
#include "base/sorted.h"
#include "engine/run.h"

/* What one takes in the sweeps, about: such a SYN, which comes with a host of its own, of half of the memory; any other
 * connection of all of it, but so many fit whatever it is. */
enum { ALONE_BYTES = 1024, OTHER_BYTES = 512, OTHERS_MIN = 32768 };

/* One SYN or its copies, no word of its server's end, of the path's, or of a connection that was there before. */
static bool is_alone(const struct tca_dossier *d)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT], *server = &d->m.side[TCA_SERVER];
    return client->syn_count && client->pkts == client->syn_count && !server->pkts && !d->m.prior.exists &&
           d->nat == TCA_NAT_NONE && !tca_dossier_mark(d, TCA_MARK_ICMP, -1, 0);
}

static int compare_rows(const struct tca_alone_row *a, const struct tca_alone_row *b)
{
    int order = tca_compare_i64(a->start_ns, b->start_ns);
    if (!order)
        order = tca_compare_u64(a->capture, b->capture);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static struct tca_alone_row row_of(const struct tca_dossier *d)
{
    return (struct tca_alone_row){d->m.start_ns, d->m.first_frame, d->capture};
}

/* Who floods sends each once as a rule, so that who asks again has room of his own. */
static enum tca_alone_kind kind_of(const struct tca_dossier *d)
{
    if (!is_alone(d))
        return TCA_NOT_ALONE;
    return d->m.side[TCA_CLIENT].syn_count > 1 ? TCA_ALONE_AGAIN : TCA_ALONE_ONCE;
}

bool tca_alone(const struct tca_dossier *d)
{
    return is_alone(d);
}

static bool is_behind(const struct tca_alone *all, const struct tca_alone_row *row)
{
    return all->full && compare_rows(row, &all->from) >= 0;
}

bool tca_alone_is_cut(const struct tca_session *s, const struct tca_dossier *d)
{
    const struct tca_alone_row row = row_of(d);
    return (s->alone[TCA_ALONE_ONCE].full || s->alone[TCA_ALONE_AGAIN].full ||
            s->alone[TCA_NOT_ALONE].full) &&
           is_behind(&s->alone[kind_of(d)], &row);
}

bool tca_alone_row_is_cut(const struct tca_session *s, const struct tca_alone_row *row)
{
    return is_behind(&s->alone[TCA_ALONE_ONCE], row);
}

static bool has_room(const struct tca_session *s, enum tca_alone_kind kind, uint64_t count)
{
    uint64_t memory = tca_memory_of(&s->set), others = memory / OTHER_BYTES;
    if (kind != TCA_NOT_ALONE)
        return count < memory / 2 / ALONE_BYTES;
    return count < (others > OTHERS_MIN ? others : OTHERS_MIN);
}

bool tca_alone_fits(const struct tca_session *s, uint64_t flows)
{
    return !flows || (has_room(s, TCA_ALONE_ONCE, flows - 1) && has_room(s, TCA_NOT_ALONE, flows - 1));
}

bool tca_alone_cut(struct tca_session *s, const struct tca_dossier *d)
{
    enum tca_alone_kind kind = kind_of(d);
    struct tca_alone *all = &s->alone[kind];
    if (!all->full && has_room(s, kind, all->count)) {
        all->count++;
        return false;
    }
    if (!all->full) {
        all->full = true;
        all->from = row_of(d);
    }
    return true;
}
