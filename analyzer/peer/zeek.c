/* SPDX-License-Identifier: MIT
 *
 * One segment in Zeek's order of work (TCPSessionAdapter::Process): does it begin a record, start numbers of its sender,
 * letter, window, acknowledgment, end of what was sent, state, holes, payload. The order shows: a letter T stands behind
 * the D of the same segment, and a G behind both.
 */
#include "peer/zeek.h"

#include "base/apart.h"
#include "base/seq32.h"

#include <stdlib.h>
#include <string.h>

enum { FAR = 1 << 20 }; /* numbers of a SYN or RST farther away than this are not believed */
enum {
    ABOVE_HOLE_MAX = 16384
}; /* bytes above a hole without any acknowledgment: tcp_max_above_hole_without_any_acks */
enum { SLOT_SYN, SLOT_FIN, SLOT_RST }; /* of letter_seq */

/* Letters that each role shows once, or once for each number: bits of `once`. */
enum {
    SEEN_SYN = 1,
    SEEN_FIN = 2,
    SEEN_RST = 4,
    SEEN_FIN_RST = 8,
    SEEN_DATA = 16,
    SEEN_ACK = 32,
    SEEN_MIX = 64
};

/* A segment on its way. */
struct step {
    struct tca_zeek *z;
    const struct tca_segment *seg;
    struct tca_zeek_end *from, *peer;
    int side;
    bool syn, fin, rst, ack;
    uint64_t rel; /* relative number of its first byte or SYN */
    bool under;   /* ... is before the first number */
};

static bool is_orig(const struct tca_zeek *z, int side)
{
    return z->orig == side;
}

static void set_state(struct tca_zeek_end *end, enum tca_zeek_state state)
{
    if (end->state == state)
        return;
    end->before = end->state;
    end->state = (uint8_t)state;
}

/* ---- history ---- */

static void append(struct tca_zeek *z, int side, char letter)
{
    const char lower = 'a' - 'A';
    if (z->letters == TCA_ZEEK_LETTERS) {
        z->cut = true;
        return;
    }
    z->history[z->letters++] = is_orig(z, side) || letter == '^' ? letter : (char)(letter + lower);
}

/* True if the letter is new of its role. */
static bool append_once(struct tca_zeek *z, int side, uint8_t bit, char letter)
{
    uint8_t *once = &z->once[is_orig(z, side) ? 0 : 1];
    if (*once & bit)
        return false;
    *once |= bit;
    append(z, side, letter);
    return true;
}

static void append_number(const struct step *s, int slot, uint8_t bit, char letter, uint32_t seq)
{
    if (!append_once(s->z, s->side, bit, letter) && s->from->letter_seq[slot] != seq)
        append(s->z, s->side, letter);
    s->from->letter_seq[slot] = seq;
}

static void count(struct tca_zeek *z, int side, enum tca_zeek_count what)
{
    static const char letter[TCA_ZEEK_COUNTS] = {
        [TCA_ZEEK_BAD_SUM] = 'C', [TCA_ZEEK_GAP] = 'G', [TCA_ZEEK_AGAIN] = 'T', [TCA_ZEEK_NO_WINDOW] = 'W'};
    uint32_t n = ++z->end[side].count[what];
    while (n >= 10 && n % 10 == 0)
        n /= 10;
    if (n == 1)
        append(z, side, letter[what]);
}

static void flag_letter(const struct step *s)
{
    if (s->syn + s->fin + s->rst > 1) {
        bool both = s->fin && s->rst;
        append_once(s->z, s->side, both ? SEEN_FIN_RST : SEEN_MIX, both ? 'I' : 'Q');
    } else if (s->syn) {
        append_number(s, SLOT_SYN, SEEN_SYN, s->ack ? 'H' : 'S', s->seg->seq);
    } else if (s->fin) {
        append_number(s, SLOT_FIN, SEEN_FIN, 'F', s->seg->seq + s->seg->len);
    } else if (s->rst) {
        append_number(s, SLOT_RST, SEEN_RST, 'R', s->seg->seq);
    } else if (s->seg->len) {
        append_once(s->z, s->side, SEEN_DATA, 'D');
    } else if (s->ack) {
        append_once(s->z, s->side, SEEN_ACK, 'A');
    }
}

/* ---- records and roles ---- */

static bool closed(const struct tca_zeek_end *end)
{
    return end->state == TCA_ZEEK_CLOSED || end->state == TCA_ZEEK_RESET;
}

/* A SYN of the responder that is no new connection: both opened at once, or it asked before the SYN+ACK that stands in
 * front of it in the file. */
static bool opens_too(const struct tca_zeek *z, uint32_t seq)
{
    const struct tca_zeek_end *orig = &z->end[z->orig], *resp = &z->end[1 - z->orig];
    if (resp->state != TCA_ZEEK_INACTIVE)
        return z->crossed && seq == resp->start;
    return orig->state == TCA_ZEEK_SYN_SENT || (orig->state == TCA_ZEEK_SYN_ACK_SENT && seq == resp->start);
}

/* Does it begin another record? */
static bool cuts(const struct tca_zeek *z, const struct tca_segment *seg, int side)
{
    const struct tca_zeek_end *orig = &z->end[z->orig], *resp = &z->end[1 - z->orig];
    if (!(seg->flags & TCA_SYN))
        return false;
    bool over = closed(orig) || closed(resp);
    if (seg->flags & TCA_ACK)
        return orig->state == TCA_ZEEK_INACTIVE && (over || seg->seq != resp->start);
    if (over)
        return true;
    return seg->seq != orig->start && (is_orig(z, side) || !opens_too(z, seg->seq));
}

/* Without the SYN the port tells who serves: IPBasedAnalyzer::NewConn, TCPAnalyzer::WantConnection. */
static bool from_server_port(const struct tca_segment *seg)
{
    bool syn = seg->flags & TCA_SYN, ack = seg->flags & TCA_ACK;
    if ((syn && !ack) || !tca_zeek_likely_port(seg->sport))
        return false;
    return !tca_zeek_likely_port(seg->dport) || (!syn && seg->sport < seg->dport);
}

static void begin(struct tca_zeek *z, const struct tca_segment *seg, int side)
{
    memset(z, 0, sizeof *z);
    z->begun = true;
    z->orig = (uint8_t)side;
    z->end[0].whole = z->end[1].whole = 1;
    if (from_server_port(seg)) {
        z->orig = (uint8_t)(1 - side);
        append(z, side, '^');
    }
}

static void flip(struct tca_zeek *z)
{
    uint8_t first = z->first[0];
    z->first[0] = z->first[1];
    z->first[1] = first;
    z->orig = (uint8_t)(1 - z->orig);
    z->partial = false;
}

/* What began with a SYN+ACK and goes on with an ACK or payload was no scan: its sender serves. */
static void flip_after_synack(struct tca_zeek *z, const struct tca_segment *seg)
{
    if (z->letters != 1 || z->history[0] != 'H' || (seg->flags & (TCA_SYN | TCA_FIN | TCA_RST)) ||
        !(seg->len || (seg->flags & TCA_ACK)))
        return;
    flip(z);
    memcpy(z->history, "^h", 2);
    z->letters = 2;
}

static void note_partial(const struct step *s)
{
    struct tca_zeek *z = s->z;
    int role = is_orig(z, s->side) ? 0 : 1;
    if (z->first[role])
        return;
    if (role == 0)
        z->partial = !s->syn || s->ack;
    else if (!z->partial)
        z->partial = !s->syn;
}

/* ---- sequence numbers ---- */

static uint32_t behind(const struct step *s)
{
    return s->seg->seq + (s->rst ? 0 : s->seg->len) + s->syn + s->fin;
}

static void start_at(struct tca_zeek_end *end, uint32_t seq, uint32_t last)
{
    end->start = end->ack = seq;
    end->last = last;
    end->seq_wraps = last < seq;
    end->ack_wraps = 0;
}

static void start_numbers(const struct step *s)
{
    struct tca_zeek_end *from = s->from;
    uint32_t seq = s->seg->seq;
    bool starts = false;
    switch ((enum tca_zeek_state)from->state) {
    case TCA_ZEEK_INACTIVE:
        if (!s->syn)
            start_at(from, seq - 1, seq); /* so that what comes first is not taken for a repeat */
        starts = s->syn;
        break;
    case TCA_ZEEK_SYN_SENT:
    case TCA_ZEEK_SYN_ACK_SENT:
        starts = s->syn && seq != from->start;
        break;
    case TCA_ZEEK_PARTIAL:
    case TCA_ZEEK_ESTABLISHED:
        starts = s->syn;
        break;
    case TCA_ZEEK_RESET:
        starts = s->syn && from->before == TCA_ZEEK_INACTIVE; /* perhaps the RST was forged */
        break;
    case TCA_ZEEK_CLOSED:
        break;
    }
    if (starts)
        start_at(from, seq, behind(s));
}

static uint64_t whole_number(uint32_t seq, uint32_t wraps)
{
    return ((uint64_t)wraps << 32) + seq;
}

/* TCPSessionAdapter::get_relative_seq: `last` is what the number follows. *ret_under: it is before the first. */
static uint64_t relative(const struct tca_zeek_end *end, uint32_t seq, uint32_t last, uint32_t wraps,
                         bool *ret_under)
{
    *ret_under = false;
    if (seq_before(seq, last) && wraps && seq > last)
        wraps--;
    else if (seq_after(seq, last) && seq < last)
        wraps++;
    if (wraps)
        return whole_number(seq, wraps) - end->start;
    *ret_under = seq_before(seq, end->start);
    return (uint64_t)(int64_t)(int32_t)(seq - end->start);
}

static void note_ack(struct tca_zeek_end *end, uint32_t ack)
{
    int32_t ahead = (int32_t)(ack - end->ack);
    if (ahead <= 0 || (ack == 0 && ahead > FAR))
        return;
    if (ack < end->ack)
        end->ack_wraps++;
    end->ack = ack;
}

/* What the segment acknowledges, as a relative number of the other end; 0 if of no use. */
static uint64_t use_ack(const struct step *s)
{
    struct tca_zeek_end *peer = s->peer;
    uint32_t ack = s->seg->ack;
    if (peer->state == TCA_ZEEK_INACTIVE) {
        start_at(peer, ack - 1, ack - 1);
        return 1;
    }
    bool under;
    uint64_t rel = relative(peer, ack, peer->ack, peer->ack_wraps, &under);
    if (under)
        return 0;
    if (!s->rst)
        note_ack(peer, ack);
    return rel;
}

static void note_sent(const struct step *s)
{
    struct tca_zeek_end *from = s->from;
    uint32_t end = behind(s);
    int32_t ahead = (int32_t)(end - from->last);
    if ((s->syn || s->rst) && (ahead > FAR || ahead < -FAR))
        return;
    bool only_syn =
        s->fin && from->last == from->start + 1; /* of perhaps more than 2 GB only SYN and FIN were seen */
    if (!only_syn && from->state == TCA_ZEEK_RESET)
        return;
    if (!only_syn && ahead <= 0) {
        if (s->seg->len)
            count(s->z, s->side, TCA_ZEEK_AGAIN);
        return;
    }
    if (end < from->last)
        from->seq_wraps++;
    from->last = end;
}

static bool nothing_acked(const struct tca_zeek_end *end)
{
    uint64_t ack = whole_number(end->ack, end->ack_wraps);
    return ack == end->start || ack == (uint64_t)end->start + 1;
}

/* ---- states ---- */

static void from_inactive(const struct step *s)
{
    struct tca_zeek_end *from = s->from, *peer = s->peer;
    bool orig = is_orig(s->z, s->side);
    if (s->syn && orig) {
        set_state(from, s->ack ? TCA_ZEEK_SYN_ACK_SENT : TCA_ZEEK_SYN_SENT);
    } else if (s->syn) {
        if (!s->ack && peer->state == TCA_ZEEK_SYN_ACK_SENT && s->seg->seq == from->start) {
            flip(s->z);
            s->z->first[0] = true;
            append(s->z, s->side, '^');
            set_state(peer, TCA_ZEEK_ESTABLISHED);
        }
        if (peer->state == TCA_ZEEK_SYN_SENT) {
            set_state(peer, TCA_ZEEK_ESTABLISHED);
            s->z->crossed = !s->ack;
        }
        set_state(from, TCA_ZEEK_ESTABLISHED);
    }
    if (s->fin)
        set_state(from, TCA_ZEEK_CLOSED);
    if (s->rst)
        set_state(from, TCA_ZEEK_RESET);
    if (from->state != TCA_ZEEK_INACTIVE || (!orig && !s->seg->len && peer->state == TCA_ZEEK_SYN_SENT))
        return;
    bool opened = s->ack && peer->state == TCA_ZEEK_ESTABLISHED;
    set_state(from, opened ? TCA_ZEEK_ESTABLISHED : TCA_ZEEK_PARTIAL);
    if (opened) {
        s->z->partial = false;
        s->z->first[orig ? 0 : 1] = true;
    }
}

static void from_syn_sent(const struct step *s)
{
    if (s->fin)
        set_state(s->from, TCA_ZEEK_CLOSED);
    if (s->rst)
        set_state(s->from, TCA_ZEEK_RESET);
}

static void from_established(const struct step *s)
{
    struct tca_zeek_end *from = s->from, *peer = s->peer;
    if (s->syn && !s->ack && from->state == TCA_ZEEK_PARTIAL && peer->state == TCA_ZEEK_INACTIVE)
        set_state(from, TCA_ZEEK_SYN_SENT);
    if (s->fin && !s->rst) {
        set_state(from, TCA_ZEEK_CLOSED);
        if (peer->state == TCA_ZEEK_RESET && peer->before == TCA_ZEEK_CLOSED)
            set_state(peer,
                      TCA_ZEEK_CLOSED); /* FIN, then RST: an end like any other, once this end closes too */
    }
    if (s->rst)
        set_state(from, TCA_ZEEK_RESET);
}

static void change_state(const struct step *s)
{
    switch ((enum tca_zeek_state)s->from->state) {
    case TCA_ZEEK_INACTIVE:
        from_inactive(s);
        break;
    case TCA_ZEEK_SYN_SENT:
    case TCA_ZEEK_SYN_ACK_SENT:
        from_syn_sent(s);
        break;
    case TCA_ZEEK_PARTIAL:
    case TCA_ZEEK_ESTABLISHED:
        from_established(s);
        break;
    case TCA_ZEEK_CLOSED:
        if (s->rst && s->peer->state != TCA_ZEEK_CLOSED)
            set_state(s->from, TCA_ZEEK_RESET);
        break;
    case TCA_ZEEK_RESET:
        break;
    }
}

/* ---- holes: what was acknowledged and never seen ---- */

static uint64_t block_number(const struct tca_zeek_end *end, uint32_t low)
{
    return end->whole + (uint32_t)(low - (uint32_t)end->whole);
}

static void drop_block(struct tca_zeek_end *end, int at)
{
    end->blocks--;
    memmove(end->block[at], end->block[at + 1], (size_t)(end->blocks - at) * sizeof end->block[0]);
}

/* All below this was seen or is given up; blocks that it reaches join it. */
static void raise_whole(struct tca_zeek_end *end, uint64_t to)
{
    while (end->blocks) {
        uint64_t first = block_number(end, end->block[0][0]), last = block_number(end, end->block[0][1]);
        if (first > to)
            break;
        if (last > to)
            to = last;
        drop_block(end, 0);
    }
    end->whole = to;
}

static bool clean(const struct tca_zeek_end *end)
{
    return end->state == TCA_ZEEK_ESTABLISHED ||
           (end->state == TCA_ZEEK_CLOSED && end->before == TCA_ZEEK_ESTABLISHED);
}

static void give_up(const struct step *s, uint64_t to)
{
    struct tca_zeek_end *end = s->peer;
    bool told = !end->ignores && clean(end) && clean(s->from);
    while (!end->ignores && end->blocks && block_number(end, end->block[0][0]) < to) {
        if (told)
            count(s->z, 1 - s->side, TCA_ZEEK_GAP);
        raise_whole(end, block_number(end, end->block[0][0]));
    }
    if (to > end->whole) {
        if (told)
            count(s->z, 1 - s->side, TCA_ZEEK_GAP);
        raise_whole(end, to);
    }
}

static void use_acked(const struct step *s, uint64_t acked)
{
    struct tca_zeek_end *end = s->peer;
    if (end->fin && acked >= end->fin)
        acked = end->fin - 1;
    if (acked <= end->whole || (acked <= 2 && s->z->partial))
        return;
    give_up(s, acked);
}

/* A piece above a hole. One too many joins its neighbour: the hole between them is forgotten rather than told twice. */
static void add_block(struct tca_zeek_end *end, uint64_t first, uint64_t last)
{
    int at = 0;
    while (at < end->blocks && block_number(end, end->block[at][1]) < first)
        at++;
    if (at == end->blocks && at == TCA_ZEEK_BLOCKS)
        at--;
    bool apart =
        at == end->blocks || (block_number(end, end->block[at][0]) > last && end->blocks < TCA_ZEEK_BLOCKS);
    if (apart) {
        memmove(end->block[at + 1], end->block[at], (size_t)(end->blocks - at) * sizeof end->block[0]);
        end->blocks++;
        end->block[at][0] = (uint32_t)first;
        end->block[at][1] = (uint32_t)last;
        return;
    }
    if (first < block_number(end, end->block[at][0]))
        end->block[at][0] = (uint32_t)first;
    if (last > block_number(end, end->block[at][1]))
        end->block[at][1] = (uint32_t)last;
    while (at + 1 < end->blocks &&
           block_number(end, end->block[at + 1][0]) <= block_number(end, end->block[at][1])) {
        if (block_number(end, end->block[at + 1][1]) > block_number(end, end->block[at][1]))
            end->block[at][1] = end->block[at + 1][1];
        drop_block(end, at + 1);
    }
}

/* Payload counts as seen if all of it is in the file. */
static void use_payload(const struct step *s)
{
    struct tca_zeek_end *from = s->from;
    const struct tca_segment *seg = s->seg;
    if (!seg->len || seg->captured < seg->len || s->rst || s->under || from->ignores)
        return;
    uint64_t first = s->rel + s->syn, last = first + seg->len;
    if (last <= from->whole)
        return;
    if (first <= from->whole) {
        raise_whole(from, last);
        return;
    }
    if (last - from->whole > UINT32_MAX / 2)
        return;
    add_block(from, first, last);
    if (nothing_acked(from) && last - from->whole > ABOVE_HOLE_MAX) {
        from->ignores = true;
        from->blocks = 0;
    }
}

/* ---- a segment ---- */

static struct step prepare(struct tca_zeek *z, const struct tca_segment *seg, int side)
{
    return (struct step){.z = z,
                         .seg = seg,
                         .from = &z->end[side],
                         .peer = &z->end[1 - side],
                         .side = side,
                         .syn = seg->flags & TCA_SYN,
                         .fin = seg->flags & TCA_FIN,
                         .rst = seg->flags & TCA_RST,
                         .ack = seg->flags & TCA_ACK};
}

static void note_fin(const struct step *s)
{
    s->from->fin_seen = true;
    s->from->fin = s->under ? 0 : s->rel + (s->rst ? 0 : s->seg->len) + s->syn + 1;
}

/* All but holes and payload; what is acknowledged. */
static uint64_t use_numbers(struct step *s)
{
    struct tca_zeek *z = s->z;
    note_partial(s);
    start_numbers(s);
    s->rel = relative(s->from, s->seg->seq, s->from->last, s->from->seq_wraps, &s->under);
    flag_letter(s);
    if (!s->seg->window && !s->rst && s->peer->state != TCA_ZEEK_CLOSED && s->from->state != TCA_ZEEK_RESET)
        count(z, s->side, TCA_ZEEK_NO_WINDOW);
    if (s->fin)
        note_fin(s);
    int role = is_orig(z, s->side) ? 0 : 1; /* a flip below does not change whose first segment this was */
    uint64_t acked = s->ack ? use_ack(s) : 0;
    note_sent(s);
    change_state(s);
    z->first[role] = true;
    return acked;
}

static void read_segment(struct tca_zeek *z, const struct tca_segment *seg, int side)
{
    flip_after_synack(z, seg);
    struct step s = prepare(z, seg, side);
    uint64_t acked = use_numbers(&s);
    use_acked(&s, acked);
    use_payload(&s);
}

/* ---- the short way ----
 *
 * Most segments change nothing but numbers: an ACK, with the next payload or none, between two ends that are open, of a
 * kind that the history has already, where no number wraps and nothing waits above a hole. */

static bool is_open(const struct tca_zeek_end *end)
{
    return end->state == TCA_ZEEK_ESTABLISHED && !end->blocks && !end->ignores && !end->fin;
}

/* The letters that segments of this side add no more, if there is nothing else to note of them. */
static uint8_t easy_letters(const struct tca_zeek *z, int side)
{
    int role = is_orig(z, side) ? 0 : 1;
    bool wraps = z->end[side].seq_wraps || z->end[1 - side].ack_wraps;
    return z->letters > 1 && z->first[role] && !wraps ? z->once[role] & (SEEN_DATA | SEEN_ACK) : 0;
}

/* Found at the end of each segment that took the long way, for all that follow: the short one changes nothing of it. */
static void note_easy(struct tca_zeek *z)
{
    bool open = is_open(&z->end[0]) && is_open(&z->end[1]);
    for (int side = 0; side < 2; side++)
        z->easy[side] = open ? easy_letters(z, side) : 0;
}

static bool is_plain(const struct tca_zeek *z, const struct tca_segment *seg, int side)
{
    bool ack = (seg->flags & (TCA_FIN | TCA_SYN | TCA_RST | TCA_ACK)) == TCA_ACK;
    return (z->easy[side] & (seg->len ? SEEN_DATA : SEEN_ACK)) && ack && seg->window;
}

/* The next payload, or none, and no older acknowledgment; nothing wraps. */
static bool is_next(const struct tca_zeek_end *from, const struct tca_zeek_end *peer,
                    const struct tca_segment *seg)
{
    return seg->seq == from->last && seg->seq + seg->len >= seg->seq && seg->ack >= peer->ack &&
           !seq_before(seg->seq, from->start) && !seq_before(seg->ack, peer->ack) &&
           !seq_before(seg->ack, peer->start);
}

/* False: nothing was done. */
static bool step_next(struct tca_zeek *z, const struct tca_segment *seg, int side)
{
    struct tca_zeek_end *from = &z->end[side], *peer = &z->end[1 - side];
    if (!is_plain(z, seg, side) || !is_next(from, peer, seg))
        return false;
    uint64_t first = seg->seq - from->start, last = first + seg->len, acked = seg->ack - peer->start;
    bool whole = seg->captured >= seg->len;
    if (whole && last > from->whole && first > from->whole)
        return false; /* a hole */
    from->last += seg->len;
    peer->ack = seg->ack;
    if (acked > peer->whole && !(acked <= 2 && z->partial)) {
        count(z, 1 - side, TCA_ZEEK_GAP);
        peer->whole = acked;
    }
    if (whole && seg->len && last > from->whole)
        from->whole = last;
    return true;
}

TCA_APART static void step_whole(struct tca_zeek *z, const struct tca_segment *seg, int side, bool corrupt)
{
    if (!z->begun || cuts(z, seg, side))
        begin(z, seg, side);
    if (corrupt)
        count(z, side, TCA_ZEEK_BAD_SUM);
    else
        read_segment(z, seg, side);
    note_easy(z);
}

void tca_zeek_step(struct tca_zeek *z, const struct tca_segment *seg, int side, bool corrupt)
{
#ifdef TCA_CHECK_WAYS
    struct tca_zeek before;
    memcpy(&before, z, sizeof before);
#endif
    if (corrupt || !step_next(z, seg, side)) {
        step_whole(z, seg, side, corrupt);
        return;
    }
#ifdef TCA_CHECK_WAYS
    step_whole(&before, seg, side, corrupt);
    if (memcmp(&before, z, sizeof before) != 0)
        abort();
#endif
}

/* ---- the line ---- */

/* So often a count goes up without a letter. */
static uint32_t letterless(uint32_t count)
{
    uint64_t next = 1;
    while (next <= count)
        next *= 10;
    uint64_t left = next - 1 - count, most = UINT32_MAX - count;
    return (uint32_t)(left < most ? left : most);
}

/* Numbers of this end that step_next() knows how to compare lie between its first and this. */
static uint32_t limit_of(const struct tca_zeek_end *end)
{
    return end->start < UINT32_MAX - INT32_MAX ? end->start + INT32_MAX : UINT32_MAX;
}

static bool fits_line(const struct tca_zeek *z, const struct tca_zeek_end *end)
{
    uint32_t limit = limit_of(end);
    return end->whole <= limit - end->start && end->last >= end->start && end->last <= limit &&
           end->ack >= end->start && end->ack <= limit && !(z->partial && end->whole < 2);
}

bool tca_zeek_lend(const struct tca_zeek *z, struct tca_line *line)
{
    if (!fits_line(z, &z->end[0]) || !fits_line(z, &z->end[1]))
        return false;
    for (int side = 0; side < 2; side++) {
        const struct tca_zeek_end *end = &z->end[side];
        line->end[side].next = end->last;
        line->end[side].limit = limit_of(end);
        line->end[side].whole = end->start + (uint32_t)end->whole;
        line->end[side].gaps = letterless(end->count[TCA_ZEEK_GAP]);
        line->end[1 - side].ack = end->ack;
        line->takes_data[side] = z->easy[side] & SEEN_DATA;
        line->takes_acks[side] = z->easy[side] & SEEN_ACK;
    }
    return true;
}

void tca_zeek_settle(struct tca_zeek *z, const struct tca_line *line)
{
    for (int side = 0; side < 2; side++) {
        struct tca_zeek_end *end = &z->end[side];
        end->last = line->end[side].next;
        end->whole = line->end[side].whole - end->start;
        end->count[TCA_ZEEK_GAP] += letterless(end->count[TCA_ZEEK_GAP]) - line->end[side].gaps;
        end->ack = line->end[1 - side].ack;
    }
}

/* ---- conn_state ---- */

/* TCP_Endpoint::Size() is 0. */
static bool sent_nothing(const struct tca_zeek_end *end, const struct tca_zeek_end *peer)
{
    if (end->before == TCA_ZEEK_SYN_SENT && end->state == TCA_ZEEK_RESET &&
        peer->state == TCA_ZEEK_INACTIVE && !nothing_acked(end))
        return true;
    uint64_t last = whole_number(end->last, end->seq_wraps), ack = whole_number(end->ack, end->ack_wraps);
    uint64_t size = (last > ack ? last : ack) - end->start;
    return size <= (uint64_t)(end->fin_seen ? 2 : 1);
}

/* The history begins with S, maybe behind ^, and gets to R without any of H A F G I Q. */
static bool only_syn_then_rst(const struct tca_zeek *z)
{
    int at = z->letters && z->history[0] == '^';
    if (at == z->letters || z->history[at] != 'S')
        return false;
    while (++at < z->letters) {
        if (z->history[at] == 'R')
            return true;
        if (strchr("HAFGIQ", z->history[at]))
            return false;
    }
    return false;
}

static bool silent(const struct tca_zeek_end *end)
{
    return end->state == TCA_ZEEK_INACTIVE || end->state == TCA_ZEEK_PARTIAL;
}

static const char *reset_by_responder(const struct tca_zeek_end *orig, const struct tca_zeek_end *resp)
{
    bool asked = orig->state == TCA_ZEEK_SYN_SENT || orig->state == TCA_ZEEK_SYN_ACK_SENT;
    if (asked || (orig->state == TCA_ZEEK_RESET && sent_nothing(orig, resp) && sent_nothing(resp, orig)))
        return "REJ";
    return silent(orig) ? "RSTRH" : "RSTR";
}

const char *tca_zeek_conn_state(const struct tca_zeek *z)
{
    const struct tca_zeek_end *orig = &z->end[z->orig], *resp = &z->end[1 - z->orig];
    if (!z->begun)
        return "";
    if (resp->state == TCA_ZEEK_RESET)
        return reset_by_responder(orig, resp);
    if (orig->state == TCA_ZEEK_RESET)
        return !silent(resp) ? "RSTO" : only_syn_then_rst(z) ? "RSTOS0" : "OTH";
    if (resp->state == TCA_ZEEK_CLOSED && orig->state == TCA_ZEEK_CLOSED)
        return "SF";
    if (orig->state == TCA_ZEEK_CLOSED)
        return silent(resp) ? "SH" : "S2";
    if (resp->state == TCA_ZEEK_CLOSED)
        return silent(orig) ? "SHR" : "S3";
    if (orig->state == TCA_ZEEK_SYN_SENT && resp->state == TCA_ZEEK_INACTIVE)
        return "S0";
    return orig->state == TCA_ZEEK_ESTABLISHED && resp->state == TCA_ZEEK_ESTABLISHED ? "S1" : "OTH";
}
