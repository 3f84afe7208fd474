/* SPDX-License-Identifier: MIT
 *
 * bare_loop CAPTURE: what every program pays that reads with libpcap, and nothing else. The benchmark's unit, B.
 */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char why[PCAP_ERRBUF_SIZE] = "usage: bare_loop CAPTURE";
    pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], why) : NULL;
    struct pcap_pkthdr *header;
    const u_char *bytes;
    uint64_t packets = 0, sum = 0;

    if (!pcap) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        packets++;
        sum += header->caplen;
    }
    pcap_close(pcap);
    printf("%" PRIu64 " packets, %" PRIu64 " bytes\n", packets, sum);
    return 0;
}
