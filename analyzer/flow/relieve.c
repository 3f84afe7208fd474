/* SPDX-License-Identifier: MIT
 *
 * A bound for what is in memory: where more flows of a class are there than may be, those that were not heard of for longest
 * are parked, however short that is. Nothing is lost by it, only time where they are heard of again; so it may depend on what
 * results must not depend on.
 *
 * Lists are ordered by when a flow took its place. One that was heard of since takes its place anew, as a clock's hand passes
 * those that were used: so a round costs a step for each segment at most.
 */
#include "flow/table.h"

#include <tcpautopsy/error.h>

enum { MORE_STEPS = 64 }; /* past those that cannot be parked */

static struct tca_flow *oldest_of(const struct tca_flow_table *table, unsigned age_class)
{
    for (unsigned list = 0; list < TCA_LEVELS; list++)
        if (table->age[age_class][list].oldest)
            return table->age[age_class][list].oldest;
    return NULL;
}

static void go_behind(struct tca_flow_table *table, struct tca_flow *flow)
{
    enum tca_flow_class age_class = (enum tca_flow_class)flow->age_class;
    unsigned list = flow->list;
    tca_table_unlist(table, flow);
    tca_table_list(table, flow, age_class, list, flow->heard_ns);
}

static int relieve_class(struct tca_flow_table *table, unsigned age_class)
{
    size_t most = table->set.most[age_class], more = table->listed[age_class] - most;
    for (size_t left = 2 * more + MORE_STEPS; left && table->listed[age_class] > most; left--) {
        struct tca_flow *flow = oldest_of(table, age_class);
        bool parked = false;
        if (!flow)
            return TCA_OK;
        int error =
            flow->heard_ns > flow->listed_ns ? TCA_OK : tca_table_park(table, flow->tuple, 0, &parked);
        if (error)
            return error;
        if (!parked)
            go_behind(table, flow);
    }
    return TCA_OK;
}

int tca_table_relieve(struct tca_flow_table *table)
{
    int error = TCA_OK;
    for (unsigned age_class = 0; age_class < TCA_FLOW_CLASSES && !error; age_class++)
        if (table->set.most[age_class] && table->listed[age_class] > table->set.most[age_class])
            error = relieve_class(table, age_class);
    return error;
}
