/* fleetgen/text_ib - ibstat and ibv_devinfo -v of the compute NICs. */
#include "texts.h"

/* One NIC of the node: mlx5_<number>, in bus order of what is there. */
struct port {
    int nic, number;
    uint64_t guid;
    const char *fw;
    bool bad, down, ethernet;
    int rate, width;
};

static bool next_port(const struct text_input *in, struct port *port)
{
    const struct machine *machine = &in->variant->machine;
    const struct host_facts *host = in->host;
    int lane_rate = host->ib_rate / 4;

    do {
        if (++port->nic >= machine->nic_count)
            return false;
    } while (!text_is_present(in, machine->nics[port->nic]));
    port->number++;
    port->guid = in->noise->lspci.functions[machine->nics[port->nic]].serial;
    port->fw = port->nic == host->nic_fw_odd ? host->nic_fw_odd_text : host->nic_fw;
    port->bad = port->nic == host->nic_bad;
    port->down = port->bad && host->nic_bad_down;
    port->ethernet = port->bad && host->nic_bad_eth;
    port->rate = port->bad && host->nic_bad_rate ? host->nic_bad_rate : host->ib_rate;
    /* A lower rate that is a lane's share is a lost lane; another is a slower speed. */
    port->width =
        port->rate == lane_rate || port->rate == 2 * lane_rate ? port->rate / lane_rate : 4;
    return true;
}

void text_ibstat(const struct text_input *in, struct buf *out)
{
    struct port port = {.nic = -1, .number = -1};
    struct rng rng = noise_rng(in->noise, 0x50);
    unsigned lid = 1 + (unsigned)rng_below(&rng, 40000);

    while (next_port(in, &port)) {
        buf_printf(out,
                   "CA 'mlx5_%d'\n\tCA type: %s\n\tNumber of ports: 1\n\tFirmware version: %s\n"
                   "\tHardware version: 0\n\tNode GUID: 0x%016llx\n"
                   "\tSystem image GUID: 0x%016llx\n\tPort 1:\n",
                   port.number, in->host->nic_type, port.fw, (unsigned long long)port.guid,
                   (unsigned long long)port.guid);
        buf_printf(out,
                   "\t\tState: %s\n\t\tPhysical state: %s\n\t\tRate: %d\n\t\tBase lid: %u\n"
                   "\t\tLMC: 0\n\t\tSM lid: %d\n\t\tCapability mask: 0xa751e848\n"
                   "\t\tPort GUID: 0x%016llx\n\t\tLink layer: %s\n",
                   port.down ? "Down" : "Active", port.down ? "Polling" : "LinkUp",
                   port.down ? 10 : port.rate, port.down || port.ethernet ? 0 : lid++,
                   port.down || port.ethernet ? 0 : 1, (unsigned long long)port.guid,
                   port.ethernet ? "Ethernet" : "InfiniBand");
    }
}

void text_ibv_devinfo(const struct text_input *in, struct buf *out)
{
    struct port port = {.nic = -1, .number = -1};
    struct rng rng = noise_rng(in->noise, 0x50);
    unsigned lid = 1 + (unsigned)rng_below(&rng, 40000);

    while (next_port(in, &port)) {
        int speed = port.rate / port.width; /* of one lane, Gb/s */
        unsigned g[4];

        for (int i = 0; i < 4; i++)
            g[i] = (unsigned)(port.guid >> (48 - 16 * i) & 0xffff);
        buf_printf(out,
                   "hca_id:\tmlx5_%d\n\ttransport:\t\t\tInfiniBand (0)\n\tfw_ver:\t\t\t\t%s\n"
                   "\tnode_guid:\t\t\t%04x:%04x:%04x:%04x\n"
                   "\tsys_image_guid:\t\t\t%04x:%04x:%04x:%04x\n\tvendor_id:\t\t\t0x02c9\n"
                   "\tvendor_part_id:\t\t\t%s\n\thw_ver:\t\t\t\t0x0\n\tboard_id:\t\t\t%s\n"
                   "\tphys_port_cnt:\t\t\t1\n",
                   port.number, port.fw, g[0], g[1], g[2], g[3], g[0], g[1], g[2], g[3],
                   in->host->nic_type + 2, in->host->nic_psid);
        buf_printf(out,
                   "\t\tport:\t1\n\t\t\tstate:\t\t\t%s\n\t\t\tmax_mtu:\t\t4096 (5)\n"
                   "\t\t\tactive_mtu:\t\t%d (%d)\n\t\t\tsm_lid:\t\t\t%d\n"
                   "\t\t\tport_lid:\t\t%u\n\t\t\tport_lmc:\t\t0x00\n\t\t\tlink_layer:\t\t%s\n"
                   "\t\t\tactive_width:\t\t%dX (%d)\n\t\t\tactive_speed:\t\t%d.0 Gbps (%d)\n"
                   "\t\t\tphys_state:\t\t%s\n\n",
                   port.down ? "PORT_DOWN (1)" : "PORT_ACTIVE (4)", in->host->ib_mtu,
                   in->host->ib_mtu == 4096 ? 5 : 4, port.down || port.ethernet ? 0 : 1,
                   port.down || port.ethernet ? 0 : lid++,
                   port.ethernet ? "Ethernet" : "InfiniBand", port.width,
                   port.width == 4   ? 2
                   : port.width == 2 ? 16
                                     : 1,
                   speed, speed == 100 ? 128 : 64, port.down ? "POLLING (2)" : "LINK_UP (5)");
    }
}
