/* SPDX-License-Identifier: MIT
 *
 * Rows of the table states: how many sockets were in which state, per bucket and scope.
 */
#include "report/row.h"

void cell_states_t(const struct state_row *row, struct tca_buf *buf)
{
    tca_buf_iso(buf, row->c->end_ns, 9);
}

void cell_states_t_ns(const struct state_row *row, struct tca_buf *buf)
{
    tca_buf_i64(buf, row->c->end_ns);
}

void cell_states_width_s(const struct state_row *row, struct tca_buf *buf)
{
    tca_buf_seconds(buf, row->c->width_ns, 9);
}

void cell_states_scope(const struct state_row *row, struct tca_buf *buf)
{
    static const char *const name[] = {
        [TCA_COUNT_ALL] = "all", [TCA_COUNT_HOST] = "host", [TCA_COUNT_LISTENER] = "listener"};
    tca_buf_str(buf, name[row->c->scope]);
}

void cell_states_host(const struct state_row *row, struct tca_buf *buf)
{
    if (row->c->scope != TCA_COUNT_ALL)
        tca_anon_ip(buf, row->opt->anon, row->c->addr, row->c->family);
}

void cell_states_port(const struct state_row *row, struct tca_buf *buf)
{
    if (row->c->scope == TCA_COUNT_LISTENER)
        tca_buf_u64(buf, row->c->port);
}

/* clang-format off */
#define STATE(name, state)                                                        \
    void cell_states_##name(const struct state_row *row, struct tca_buf *buf)      \
    {                                                                              \
        tca_buf_u64(buf, row->c->now[state]);                                      \
    }                                                                              \
    void cell_states_##name##_max(const struct state_row *row, struct tca_buf *buf) \
    {                                                                              \
        tca_buf_u64(buf, row->c->most[state]);                                     \
    }
STATE(syn_sent, TCA_SYN_SENT)
STATE(syn_recv, TCA_SYN_RECV)
STATE(established, TCA_ESTABLISHED)
STATE(fin_wait1, TCA_FIN_WAIT1)
STATE(fin_wait2, TCA_FIN_WAIT2)
STATE(close_wait, TCA_CLOSE_WAIT)
STATE(closing, TCA_CLOSING)
STATE(last_ack, TCA_LAST_ACK)
STATE(time_wait, TCA_TIME_WAIT)
/* clang-format on */

void cell_states_opened(const struct state_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->c->opened);
}

void cell_states_closed(const struct state_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->c->closed);
}

void cell_states_unknown(const struct state_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->c->now[TCA_UNKNOWN]);
}
