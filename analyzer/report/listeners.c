/* SPDX-License-Identifier: MIT
 *
 * Cells of listeners. What was measured is told whatever findings the user chose to read; the findings and their
 * confidence alone follow that choice, as events do.
 */
#include "report/row.h"

static void most_or_null(struct tca_buf *buf, uint64_t most)
{
    if (most != UINT64_MAX)
        tca_buf_u64(buf, most);
}

static void confidence_or_none(struct tca_buf *buf, enum tca_confidence confidence)
{
    tca_buf_str(buf, confidence ? tca_confidence_name(confidence) : "none");
}

/* Cells that are one number, or one time, of the listener. */
/* clang-format off */
#define NUMBER(cell, print, field)                                                                           \
    void cell_listeners_##cell(const struct listener_row *row, struct tca_buf *buf)                          \
    { print(buf, row->l->field); }
NUMBER(server_port, tca_buf_u64, port)
NUMBER(first_seen_ns, tca_buf_i64, first_seen_ns)
NUMBER(last_seen_ns, tca_buf_i64, last_seen_ns)
NUMBER(syn_count, tca_buf_u64, syn_count)
NUMBER(syn_retx_count, tca_buf_u64, syn_retx)
NUMBER(synack_retx_count, tca_buf_u64, synack_retx)
NUMBER(established_count, tca_buf_u64, established)
NUMBER(refused_count, tca_buf_u64, refused)
NUMBER(unanswered_count, tca_buf_u64, unanswered)
NUMBER(peak_unaccepted, tca_buf_u64, peak_unaccepted)
NUMBER(listen_overflows_min, tca_buf_u64, listen_overflows.min)
NUMBER(listen_overflows_max, most_or_null, listen_overflows.max)
NUMBER(listen_drops_min, tca_buf_u64, listen_drops.min)
NUMBER(listen_drops_max, most_or_null, listen_drops.max)
NUMBER(cookie_count, tca_buf_u64, cookie_count)
NUMBER(flood_peak_per_s, tca_buf_u64, flood_peak_per_s)
NUMBER(flood_sources, tca_buf_u64, flood_sources)
NUMBER(paws_drop_count, tca_buf_u64, paws_drop_count)
NUMBER(rst_abort_on_overflow_count, tca_buf_u64, aborted_opens)
NUMBER(handshake_rtt_p50_s, tca_text_seconds, handshake_p50_ns)
NUMBER(handshake_rtt_p99_s, tca_text_seconds, handshake_p99_ns)
NUMBER(first_response_p50_s, tca_text_seconds, response_p50_ns)
NUMBER(first_response_p99_s, tca_text_seconds, response_p99_ns)
NUMBER(drain_s, tca_text_seconds, drain_ns)
#undef NUMBER
/* clang-format on */

void cell_listeners_server_ip(const struct listener_row *row, struct tca_buf *buf)
{
    tca_anon_ip(buf, row->opt->anon, row->l->addr, row->l->family);
}

void cell_listeners_vlan(const struct listener_row *row, struct tca_buf *buf)
{
    tca_text_vlan(buf, &row->l->tags);
}

void cell_listeners_encap(const struct listener_row *row, struct tca_buf *buf)
{
    tca_text_encap(buf, &row->l->tags);
}

void cell_listeners_first_seen(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_iso(buf, row->l->first_seen_ns, 9);
}

/* ---- the accept queue ---- */

/* All episodes in one. */
struct told {
    enum tca_confidence confidence;
    int64_t first_ns, last_ns, full_ns;
    uint64_t drops, ignored, aborted;
};

static struct told all_of(const struct listener_row *row, const struct tca_listener *l)
{
    struct told all = {.first_ns = -1, .last_ns = -1};
    for (unsigned at = 0; at < l->episode_count; at++) {
        const struct tca_episode *e = &l->episode[at];
        if ((int)e->confidence > (int)all.confidence)
            all.confidence = (enum tca_confidence)e->confidence;
        if (all.first_ns < 0 || e->first_ns < all.first_ns)
            all.first_ns = e->first_ns;
        if (e->last_ns > all.last_ns)
            all.last_ns = e->last_ns;
        all.full_ns += (e->open_end ? row->v->capture->end_ns : e->last_ns) - e->first_ns;
        all.drops += e->drops;
        all.ignored += e->ignored;
        all.aborted += e->aborted;
    }
    return all;
}

void cell_listeners_overflow(const struct listener_row *row, struct tca_buf *buf)
{
    confidence_or_none(buf, all_of(row, row->l).confidence);
}

void cell_listeners_overflow_action(const struct listener_row *row, struct tca_buf *buf)
{
    struct told all = all_of(row, row->l);
    if (all.aborted)
        tca_buf_str(buf, "rst");
    else if (all.ignored && !all.drops && row->l->cookie_acks_refused && !row->l->stuck_flows)
        tca_buf_str(buf, "cookie");
    else if (all.drops && all.ignored)
        tca_buf_str(buf, "drop_both");
    else
        tca_buf_str(buf, all.drops ? "drop_syn" : all.ignored ? "drop_ack" : "none");
}

void cell_listeners_overflow_first_ns(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_i64(buf, all_of(row, row->l).first_ns);
}

void cell_listeners_overflow_last_ns(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_i64(buf, all_of(row, row->l).last_ns);
}

void cell_listeners_overflow_s(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_seconds(buf, all_of(row, row->l).full_ns, 9);
}

void cell_listeners_overflow_flows(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->l->episode_count ? row->l->hit_flows : 0);
}

void cell_listeners_lost_flows(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->l->episode_count ? row->l->lost_flows : 0);
}

void cell_listeners_overflow_episodes(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, (uint64_t)row->l->episode_count + row->l->episodes_left_off);
}

void cell_listeners_backlog_min(const struct listener_row *row, struct tca_buf *buf)
{
    if (tca_backlog_has_min(&row->l->backlog))
        tca_buf_u64(buf, row->l->backlog.min);
}

void cell_listeners_backlog_max(const struct listener_row *row, struct tca_buf *buf)
{
    most_or_null(buf, row->l->backlog.max);
}

void cell_listeners_backlog_basis(const struct listener_row *row, struct tca_buf *buf)
{
    static const char *const name[] = {
        [TCA_BACKLOG_UNKNOWN] = "none",    [TCA_BACKLOG_CANDIDATES] = "candidates",
        [TCA_BACKLOG_FROZEN] = "frozen",   [TCA_BACKLOG_BEGUN] = "begun",
        [TCA_BACKLOG_CLOSED] = "closed",   [TCA_BACKLOG_PRUNED] = "pruned",
        [TCA_BACKLOG_COOKIES] = "cookies", [TCA_BACKLOG_KNOWN] = "known",
        [TCA_BACKLOG_SYNQ] = "synq"};
    size_t basis = row->l->backlog_basis;
    tca_buf_str(buf, basis < sizeof name / sizeof name[0] ? name[basis] : "unknown");
}

/* ---- pressure ---- */

void cell_listeners_flood(const struct listener_row *row, struct tca_buf *buf)
{
    confidence_or_none(buf, (enum tca_confidence)row->l->flood);
}

void cell_listeners_flood_kind(const struct listener_row *row, struct tca_buf *buf)
{
    static const char *const name[] = {[TCA_FLOOD_NONE] = "none",
                                       [TCA_FLOOD_SPOOFED] = "spoofed",
                                       [TCA_FLOOD_DIRECT] = "direct",
                                       [TCA_FLOOD_CROWD] = "crowd"};
    size_t kind = row->l->flood_kind;
    tca_buf_str(buf, kind < sizeof name / sizeof name[0] ? name[kind] : "unknown");
}

void cell_listeners_peak_syn_recv(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->v->syn_recv_peak);
}

void cell_listeners_peak_syn_recv_at_ns(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_i64(buf, row->v->syn_recv_peak_ns);
}

void cell_listeners_close_wait_peak(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->v->close_wait_peak);
}

void cell_listeners_time_wait_peak(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->v->time_wait_peak);
}

/* ---- findings ---- */

static bool told_id(const struct listener_row *row, enum tca_finding_id id)
{
    if (id == TCA_overflow_interval && row->v->told->episode_count)
        return true;
    for (size_t at = 0; at < row->v->incidents; at++)
        if (row->v->incident[at]->id == id)
            return true;
    return false;
}

void cell_listeners_findings(const struct listener_row *row, struct tca_buf *buf)
{
    const char *id[TCA_FINDING_COUNT];
    size_t count = 0;
    for (int at = 0; at < TCA_FINDING_COUNT; at++)
        if (tca_findings[at].scope == TCA_SCOPE_LISTENER && told_id(row, (enum tca_finding_id)at))
            id[count++] = tca_findings[at].id;
    tca_text_ids(buf, id, count);
}

void cell_listeners_confidence(const struct listener_row *row, struct tca_buf *buf)
{
    enum tca_confidence most = all_of(row, row->v->told).confidence;
    for (size_t at = 0; at < row->v->incidents; at++)
        if (row->v->incident[at]->confidence > most)
            most = row->v->incident[at]->confidence;
    tca_buf_str(buf, tca_confidence_name(most));
}

/* ---- where it was seen ---- */

void cell_listeners_capture(const struct listener_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->v->capture->name, row->opt->raw_text);
}

void cell_listeners_vantage(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_vantage_name(row->l->vantage));
}
