/* SPDX-License-Identifier: MIT
 *
 * Cells of flows: the opening. Ladders, round trips, what each side announced.
 */
#include "report/row.h"

#include <string.h>

/* ---- ladders ---- */

/* The times between neighbouring copies. Only the first marks and the newest are kept of a long ladder, so
 * the list stops where a copy is missing: a sum of two gaps would look like a rung. */
static void gaps(const struct tca_dossier *d, uint32_t role, int side, struct tca_buf *buf)
{
    const struct tca_mark *before = tca_dossier_mark(d, role, side, 0);
    for (unsigned n = 1; before; n++) {
        const struct tca_mark *mark = tca_dossier_mark(d, role, side, n);
        bool neighbours = mark && mark->copy != 255 && mark->copy == before->copy + 1;
        if (!neighbours)
            return;
        if (n > 1)
            tca_buf_char(buf, ';');
        tca_buf_seconds(buf, mark->time_ns - before->time_ns, 9);
        before = mark;
    }
}

void cell_flows_syn_count(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->m->side[TCA_CLIENT].syn_count);
}

void cell_flows_syn_gaps_s(const struct flow_row *row, struct tca_buf *buf)
{
    gaps(row->d, TCA_MARK_SYN, TCA_CLIENT, buf);
}

void cell_flows_synack_count(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->m->side[TCA_SERVER].synack_count);
}

void cell_flows_synack_gaps_s(const struct flow_row *row, struct tca_buf *buf)
{
    gaps(row->d, TCA_MARK_SYNACK, TCA_SERVER, buf);
}

void cell_flows_ack_ignored_count(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->m->ack_ignored_count);
}

/* ---- times ---- */

void cell_flows_syn_rtt_s(const struct flow_row *row, struct tca_buf *buf)
{
    tca_text_seconds(buf, row->m->syn_rtt_ns);
}

void cell_flows_ack_rtt_s(const struct flow_row *row, struct tca_buf *buf)
{
    tca_text_seconds(buf, row->m->ack_rtt_ns);
}

void cell_flows_queue_wait_s(const struct flow_row *row, struct tca_buf *buf)
{
    const struct tca_mirror *m = row->m;
    if (m->child_proved && m->first_ack_ns >= 0 && m->child_ns > m->first_ack_ns)
        tca_buf_seconds(buf, m->child_ns - m->first_ack_ns, 9);
}

void cell_flows_first_response_s(const struct flow_row *row, struct tca_buf *buf)
{
    int64_t ack = row->m->first_ack_ns, data = row->m->side[TCA_SERVER].first_data_ns;
    if (ack >= 0 && data >= ack)
        tca_buf_seconds(buf, data - ack, 9);
}

/* ---- what each side announced ---- */

static void isn(const struct tca_side *side, struct tca_buf *buf)
{
    if (side->iss_known)
        tca_buf_u64(buf, side->iss);
}

static void mss(const struct tca_side *side, struct tca_buf *buf)
{
    if (side->has_mss)
        tca_buf_u64(buf, side->mss);
}

static void wscale(const struct tca_side *side, struct tca_buf *buf)
{
    if (side->has_wscale)
        tca_buf_u64(buf, side->wscale);
}

/* Of length 0 if it has none. */
static const struct tca_word *option_word(uint8_t kind)
{
    static const struct tca_word word[] = {
        [0] = TCA_WORD("eol"),    [1] = TCA_WORD("nop"),  [2] = TCA_WORD("mss"),    [3] = TCA_WORD("ws"),
        [4] = TCA_WORD("sackok"), [5] = TCA_WORD("sack"), [8] = TCA_WORD("ts"),     [19] = TCA_WORD("md5"),
        [28] = TCA_WORD("uto"),   [29] = TCA_WORD("ao"),  [30] = TCA_WORD("mptcp"), [34] = TCA_WORD("tfo"),
        [69] = TCA_WORD("eno"),   [70] = {.length = 0},
    };
    enum { WORDS = sizeof word / sizeof *word };
    return &word[kind < WORDS ? kind : WORDS - 1];
}

static void options(const struct tca_side *side, struct tca_buf *buf)
{
    for (int i = 0; i < side->order_count && i < TCA_OPTION_ORDER_MAX; i++) {
        if (i)
            tca_buf_char(buf, ';');
        const struct tca_word *name = option_word(side->order[i]);
        if (name->length)
            tca_buf_word(buf, name);
        else
            tca_buf_u64(buf, side->order[i]);
    }
}

/* The same of both sides. */
/* clang-format off */
#define OF_EACH(print)                                                                                       \
    void cell_flows_client_##print(const struct flow_row *row, struct tca_buf *buf)                          \
    { print(&row->m->side[TCA_CLIENT], buf); }                                                               \
    void cell_flows_server_##print(const struct flow_row *row, struct tca_buf *buf)                          \
    { print(&row->m->side[TCA_SERVER], buf); }
OF_EACH(isn)
OF_EACH(mss)
OF_EACH(wscale)
OF_EACH(options)
#undef OF_EACH
/* clang-format on */

/* ---- SYN cookies ---- */

static bool announces(const struct tca_side *side, uint8_t kind)
{
    return memchr(side->order, kind, side->order_count) != NULL;
}

/* A cookie without timestamps has room for the MSS only: the SYN+ACK lacks what the client offered and Linux
 * would otherwise have answered (tcp_conn_request). */
static bool options_dropped(const struct tca_mirror *m)
{
    const struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    enum { WSCALE = 3, SACK_PERMITTED = 4, TIMESTAMPS = 8 };
    return announces(client, WSCALE) && announces(client, SACK_PERMITTED) && !announces(client, TIMESTAMPS) &&
           server->has_mss && !announces(server, WSCALE) && !announces(server, SACK_PERMITTED);
}

void cell_flows_cookie_evidence(const struct flow_row *row, struct tca_buf *buf)
{
    enum tca_confidence confidence = TCA_NO;
    for (int i = 0; i < row->v->count; i++)
        if (row->v->judgement[i].id == TCA_handshake_synack_cookie)
            confidence = row->v->judgement[i].confidence;
    bool strong = confidence == TCA_CERTAIN || (confidence && options_dropped(row->m));
    tca_buf_str(buf, !confidence ? "none" : strong ? "strong" : "weak");
}
