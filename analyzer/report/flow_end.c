/* SPDX-License-Identifier: MIT
 *
 * Cells of flows: traffic, close, reset, reuse and the states of both ends.
 */
#include "report/row.h"

#include "classify/reset.h"
#include "classify/timewait.h"

/* ---- traffic ---- */

/* All packets of one side, copies of the capture included. */
static void all_pkts(const struct tca_side *side, struct tca_buf *buf)
{
    tca_buf_u64(buf, side->pkts + side->capture_copies);
}

void cell_flows_client_pkts(const struct flow_row *row, struct tca_buf *buf)
{
    all_pkts(&row->m->side[TCA_CLIENT], buf);
}

void cell_flows_server_pkts(const struct flow_row *row, struct tca_buf *buf)
{
    all_pkts(&row->m->side[TCA_SERVER], buf);
}

/* Cells that are one counter of one side. */
/* clang-format off */
#define SIDE_COUNT(cell, field)                                                                              \
    void cell_flows_client_##cell(const struct flow_row *row, struct tca_buf *buf)                           \
    { tca_buf_u64(buf, row->m->side[TCA_CLIENT].field); }                                                    \
    void cell_flows_server_##cell(const struct flow_row *row, struct tca_buf *buf)                           \
    { tca_buf_u64(buf, row->m->side[TCA_SERVER].field); }
SIDE_COUNT(bytes, bytes)
SIDE_COUNT(retx_pkts, retx_pkts)
SIDE_COUNT(missed_bytes, missed_bytes)
SIDE_COUNT(fin_count, fin_count)
#undef SIDE_COUNT
/* clang-format on */

void cell_flows_client_zero_window_s(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_seconds(buf, row->m->side[TCA_CLIENT].zero_ns, 9);
}

void cell_flows_server_zero_window_s(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_seconds(buf, row->m->side[TCA_SERVER].zero_ns, 9);
}

void cell_flows_keepalive_count(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->m->side[0].keepalive_count + row->m->side[1].keepalive_count);
}

/* ---- close ---- */

/* How long a side was in a state, until it left it, else to the end of its incarnation or of the capture; -1
 * if it never was. A step through without staying counts 0. */
static int64_t dwell_ns(const struct flow_row *row, int side, enum tca_state state)
{
    const struct tca_side *s = &row->m->side[side];
    int64_t end = row->m->end_ns >= 0 ? row->m->end_ns : row->d->capture_end_ns;
    int64_t total = -1;
    for (int i = 0; i < s->step_count; i++) {
        if (s->step[i].state != state)
            continue;
        int64_t left = i + 1 < s->step_count ? s->step[i + 1].time_ns : end;
        int64_t time = left > s->step[i].time_ns ? left - s->step[i].time_ns : 0;
        total = (total < 0 ? 0 : total) + time;
    }
    return total;
}

/* Of the side that closed in the given order; of the other one where only that was in the state. */
static void dwell(const struct flow_row *row, int side, enum tca_state state, struct tca_buf *buf)
{
    int64_t ns = dwell_ns(row, side, state);
    if (ns < 0)
        ns = dwell_ns(row, !side, state);
    if (ns >= 0)
        tca_buf_seconds(buf, ns, 9);
}

void cell_flows_close_wait_s(const struct flow_row *row, struct tca_buf *buf)
{
    dwell(row, row->m->first_fin == TCA_CLIENT ? TCA_SERVER : TCA_CLIENT, TCA_CLOSE_WAIT, buf);
}

void cell_flows_fin_wait2_s(const struct flow_row *row, struct tca_buf *buf)
{
    dwell(row, row->m->first_fin == TCA_SERVER ? TCA_SERVER : TCA_CLIENT, TCA_FIN_WAIT2, buf);
}

static const char *which_sides(bool client, bool server)
{
    static const char *const name[2][2] = {{"none", "server"}, {"client", "both"}};
    return name[client][server];
}

void cell_flows_rst_count(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->m->side[TCA_CLIENT].rst_count + row->m->side[TCA_SERVER].rst_count);
}

void cell_flows_rst_from(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf,
                which_sides(row->m->side[TCA_CLIENT].rst_count > 0, row->m->side[TCA_SERVER].rst_count > 0));
}

void cell_flows_rst_cause(const struct flow_row *row, struct tca_buf *buf)
{
    const char *cause = tca_rst_cause(row->v);
    bool any = row->m->side[TCA_CLIENT].rst_count || row->m->side[TCA_SERVER].rst_count;
    tca_buf_str(buf, cause[0] || !any ? cause : "unknown");
}

static bool passed_through(const struct tca_side *side, enum tca_state state)
{
    for (int i = 0; i < side->step_count; i++)
        if (side->step[i].state == state)
            return true;
    return false;
}

void cell_flows_time_wait(const struct flow_row *row, struct tca_buf *buf)
{
    const struct tca_side *client = &row->m->side[TCA_CLIENT], *server = &row->m->side[TCA_SERVER];
    bool by_client = passed_through(client, TCA_TIME_WAIT), by_server = passed_through(server, TCA_TIME_WAIT);
    bool half = (row->m->damage & TCA_DAMAGE_ONE_WAY) && (client->fin_sent || server->fin_sent);
    bool unknown = half || tca_side_state(client) == TCA_UNKNOWN || tca_side_state(server) == TCA_UNKNOWN;
    tca_buf_str(buf, !by_client && !by_server && unknown ? "unknown" : which_sides(by_client, by_server));
}

/* ---- reuse of the tuple ---- */

void cell_flows_reuse_of(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->m->prior.exists)
        tca_text_flow_id(buf, row->capture, row->m->prior.capture, row->m->prior.first_frame);
}

void cell_flows_reuse_gap_s(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->m->prior.exists)
        tca_buf_seconds(buf, row->m->start_ns - row->m->prior.last_ns, 9);
}

void cell_flows_reuse_outcome(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->m->prior.exists)
        tca_buf_str(buf, tca_reuse_outcome(row->v));
}

/* ---- states ---- */

static void state_at_last(const struct flow_row *row, int side, struct tca_buf *buf)
{
    tca_buf_word(buf, tca_state_word(tca_side_state_at(&row->m->side[side], row->m->last_frame)));
}

void cell_flows_client_state(const struct flow_row *row, struct tca_buf *buf)
{
    state_at_last(row, TCA_CLIENT, buf);
}

void cell_flows_server_state(const struct flow_row *row, struct tca_buf *buf)
{
    state_at_last(row, TCA_SERVER, buf);
}

void cell_flows_client_end_state(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_word(buf, tca_state_word(tca_side_state(&row->m->side[TCA_CLIENT])));
}

void cell_flows_server_end_state(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_word(buf, tca_state_word(tca_side_state(&row->m->side[TCA_SERVER])));
}

/* Different states in their order, from the first one that is neither CLOSED nor LISTEN. */
static void path(const struct tca_side *side, struct tca_buf *buf)
{
    int before = -1;
    for (int i = 0; i < side->step_count; i++) {
        int state = side->step[i].state;
        bool begun = before >= 0 || (state != TCA_CLOSED && state != TCA_LISTEN);
        if (!begun || state == before)
            continue;
        if (before >= 0)
            tca_buf_char(buf, ';');
        tca_buf_word(buf, tca_state_word((enum tca_state)state));
        before = state;
    }
}

void cell_flows_client_path(const struct flow_row *row, struct tca_buf *buf)
{
    path(&row->m->side[TCA_CLIENT], buf);
}

void cell_flows_server_path(const struct flow_row *row, struct tca_buf *buf)
{
    path(&row->m->side[TCA_SERVER], buf);
}
