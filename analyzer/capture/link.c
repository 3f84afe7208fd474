/* SPDX-License-Identifier: MIT
 *
 * Link types have two numbers: LINKTYPE_, which files hold, and DLT_, by which libpcap knows them. They are equal
 * but for a few older ones.
 */
#include "capture/link.h"

#include <pcap/pcap.h>

static const struct {
    int link, dlt;
} differing[] = {
    {100, DLT_ATM_RFC1483},
    {101, DLT_RAW},
    {102, DLT_SLIP_BSDOS},
    {103, DLT_PPP_BSDOS},
};

int tca_link_of_dlt(int dlt)
{
    for (size_t i = 0; i < sizeof differing / sizeof *differing; i++)
        if (differing[i].dlt == dlt)
            return differing[i].link;
    return dlt;
}

int tca_link_dlt(int link)
{
    for (size_t i = 0; i < sizeof differing / sizeof *differing; i++)
        if (differing[i].link == link)
            return differing[i].dlt;
    return link;
}

const char *tca_link_name(int link)
{
    const char *name = pcap_datalink_val_to_name(tca_link_dlt(link));

    return name ? name : "unknown";
}
