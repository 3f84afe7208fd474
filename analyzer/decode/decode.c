/* SPDX-License-Identifier: MIT
 *
 * The walk from link type to TCP: one step per header, at most LAYERS_MAX of them.
 */
#include "decode/decode.h"

#include "decode/walk.h"

static tca_layer_step *const steps[LAYER_COUNT] = {
    [LAYER_LOOPBACK] = tca_step_loopback,
    [LAYER_ETHERNET] = tca_step_ethernet,
    [LAYER_PPP] = tca_step_ppp,
    [LAYER_CISCO_HDLC] = tca_step_cisco_hdlc,
    [LAYER_RAW] = tca_step_raw,
    [LAYER_SLL] = tca_step_sll,
    [LAYER_SLL2] = tca_step_sll2,
    [LAYER_NFLOG] = tca_step_nflog,
    [LAYER_ENC] = tca_step_enc,
    [LAYER_PPI] = tca_step_ppi,
    [LAYER_RADIOTAP] = tca_step_radiotap,
    [LAYER_PRISM] = tca_step_prism,
    [LAYER_AVS] = tca_step_avs,
    [LAYER_WLAN] = tca_step_wlan,
    [LAYER_VLAN] = tca_step_vlan,
    [LAYER_LLC] = tca_step_llc,
    [LAYER_MPLS] = tca_step_mpls,
    [LAYER_PPPOE] = tca_step_pppoe,
    [LAYER_IPV4] = tca_step_ipv4,
    [LAYER_IPV6] = tca_step_ipv6,
    [LAYER_HOP_BY_HOP] = tca_step_hop_by_hop,
    [LAYER_EXTENSION] = tca_step_extension,
    [LAYER_ROUTING] = tca_step_routing,
    [LAYER_FRAGMENT] = tca_step_fragment,
    [LAYER_AUTHENTICATION] = tca_step_authentication,
    [LAYER_GRE] = tca_step_gre,
    [LAYER_ERSPAN] = tca_step_erspan,
    [LAYER_UDP] = tca_step_udp,
    [LAYER_VXLAN] = tca_step_vxlan,
    [LAYER_GENEVE] = tca_step_geneve,
    [LAYER_GTPU] = tca_step_gtpu,
    [LAYER_TEREDO] = tca_step_teredo,
    [LAYER_ICMP4] = tca_step_icmp4,
    [LAYER_ICMP6] = tca_step_icmp6,
    [LAYER_TCP] = tca_step_tcp,
};

enum tca_layer tca_layer_of_link(int link)
{
    switch (link) {
#define LINK(value, layer)                                                                                   \
    case value:                                                                                              \
        return LAYER_##layer;
#include "capture/link.def"
#undef LINK
    default:
        return LAYER_COUNT;
    }
}

/* A UDP port alone makes no tunnel: where nothing sane follows, this was ordinary UDP. A record that was cut there is
 * none the wiser. */
static enum tca_outcome settle(const struct tca_walk *walk, enum tca_outcome outcome)
{
    bool cut = walk->cursor.left < walk->cursor.wire;

    if (!walk->guessed || walk->quote.inside)
        return outcome;
    switch (outcome) {
    case TCA_OUTCOME_bad_ip:
    case TCA_OUTCOME_bad_tcp:
    case TCA_OUTCOME_too_deep:
        return TCA_OUTCOME_not_tcp;
    case TCA_OUTCOME_short_ip:
    case TCA_OUTCOME_short_tcp:
        return cut ? outcome : TCA_OUTCOME_not_tcp;
    default:
        return outcome;
    }
}

int tca_walk_step(struct tca_walk *walk)
{
    return steps[walk->next](walk);
}

enum tca_outcome tca_walk_run(struct tca_walk *walk)
{
    walk->next = tca_layer_of_link(walk->rec->link);
    if (walk->next == LAYER_COUNT)
        return TCA_OUTCOME_unknown_link;
    for (int layer = 0; layer < TCA_LAYERS_MAX; layer++) {
        int step = tca_walk_step(walk);

        if (step != STEP_NEXT)
            return settle(walk, (enum tca_outcome)step);
    }
    return settle(walk, TCA_OUTCOME_too_deep);
}

enum tca_outcome tca_decode(const struct tca_record *rec, bool verify_checksums, struct tca_segment *ret_seg)
{
    uint8_t rest = TCA_REST_ANY;
    if (tca_decode_quick(NULL, rec, verify_checksums, ret_seg, &rest))
        return TCA_OUTCOME_tcp;
    struct tca_walk walk = walk_begin(NULL, rec, verify_checksums, ret_seg);

    return tca_walk_run(&walk);
}
