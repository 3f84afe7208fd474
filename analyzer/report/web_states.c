/* SPDX-License-Identifier: MIT
 *
 * Sockets by state over time: a strip for each state in which there were any, both ends of each connection counted, each at
 * its own host, as states.csv counts them.
 */
#include "report/web.h"

void tca_web_states(struct tca_web *web, const struct tca_census_row *row)
{
    if (row->scope != TCA_COUNT_ALL)
        return;
    int64_t begin_ns = row->end_ns - row->width_ns;
    for (int state = 0; state < WEB_STATES; state++) {
        uint32_t *column = web->state[state];
        tca_web_hold(column, web->states_from_ns, web->states_width_ns, web->state_ns, begin_ns,
                     web->state_now[state]);
        tca_web_hold(column, web->states_from_ns, web->states_width_ns, begin_ns, row->end_ns,
                     row->most[state]);
        web->state_now[state] = row->now[state];
    }
    web->state_ns = row->end_ns;
}

static bool put_strip(struct tca_chart *chart, const struct tca_web *web, enum tca_state state)
{
    struct tca_buf note = {0};
    uint32_t most = tca_chart_most(web->state[state]);
    if (!most)
        return false;
    tca_buf_fmt(&note, "most %u", (unsigned)most);
    tca_chart_strip(chart, &(struct tca_strip){.title = tca_state_name(state),
                                               .note = tca_buf_text(&note),
                                               .value = web->state[state],
                                               .class = tca_state_name(state)});
    chart->strips.failed |= note.failed;
    tca_buf_done(&note);
    return true;
}

void tca_web_put_states(struct tca_web *web, struct tca_buf *out)
{
    /* In the order of a connection's life; sockets are never in the others. */
    static const enum tca_state order[] = {TCA_SYN_SENT,   TCA_SYN_RECV, TCA_ESTABLISHED,
                                           TCA_CLOSE_WAIT, TCA_LAST_ACK, TCA_FIN_WAIT1,
                                           TCA_FIN_WAIT2,  TCA_CLOSING,  TCA_TIME_WAIT};
    struct tca_chart chart;
    bool any = false;
    for (int state = 0; state < WEB_STATES; state++)
        tca_web_hold(web->state[state], web->states_from_ns, web->states_width_ns, web->state_ns,
                     web->last_ns + 1, web->state_now[state]);
    tca_chart_begin(&chart, web->states_from_ns, web->states_width_ns);
    for (size_t at = 0; at < sizeof order / sizeof order[0]; at++)
        any |= put_strip(&chart, web, order[at]);
    if (!any) {
        tca_buf_done(&chart.strips);
        return;
    }
    tca_buf_str(out, "<section>\n<h2>States over time</h2>\n<p class=\"small\">Sockets of both ends, in UTC; "
                     "each strip has its own "
                     "scale. The numbers are in the table states.</p>\n<div class=\"chart\">\n");
    tca_chart_end(&chart, "sockets by state over time", "", out);
    tca_buf_str(out, "</div>\n</section>\n");
}
