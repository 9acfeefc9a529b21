#include "confspace.h"

#include <assert.h>
#include <string.h>

struct writer {
    const struct machine *machine;
    const struct function *function;
    uint8_t *bytes;
    struct config_map *map;
    unsigned standard, extended; /* where the next capability goes */
    unsigned last_standard, last_extended;
};

static void put8(uint8_t *bytes, unsigned at, unsigned value)
{
    bytes[at] = (uint8_t)value;
}

static void put16(uint8_t *bytes, unsigned at, unsigned value)
{
    bytes[at] = (uint8_t)value;
    bytes[at + 1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *bytes, unsigned at, uint32_t value)
{
    put16(bytes, at, value & 0xffff);
    put16(bytes, at + 2, value >> 16);
}

static uint32_t get32(const uint8_t *bytes, unsigned at)
{
    return bytes[at] | (uint32_t)bytes[at + 1] << 8 | (uint32_t)bytes[at + 2] << 16 |
           (uint32_t)bytes[at + 3] << 24;
}

/* Open a standard capability of `len` bytes; returns its offset. */
static unsigned standard(struct writer *w, unsigned id, unsigned len)
{
    unsigned at = w->standard;

    assert(at + len <= 0x100);
    put8(w->bytes, w->last_standard ? w->last_standard + 1 : 0x34, at);
    put8(w->bytes, at, id);
    w->last_standard = at;
    w->standard = (at + len + 3) & ~3u;
    return at;
}

/* Open an extended capability of `len` bytes; returns its offset. */
static unsigned extended(struct writer *w, unsigned id, unsigned version, unsigned len)
{
    unsigned at = w->extended;

    assert(at + len <= CONFIG_BYTES);
    if (w->last_extended) {
        uint32_t header = get32(w->bytes, w->last_extended);

        put32(w->bytes, w->last_extended, (header & 0xfffff) | at << 20);
    }
    put32(w->bytes, at, id | version << 16);
    w->last_extended = at;
    w->extended = (at + len + 3) & ~3u;
    return at;
}

bool function_has_interrupt(const struct function *function)
{
    return function->type->driver && function->type->express != EXPRESS_UP;
}

static void write_bars(struct writer *w)
{
    for (int i = 0; i < 6; i++) {
        static const uint8_t flags[] = {
            [BAR_MEM32] = 0x0, [BAR_MEM64] = 0x4, [BAR_PREF64] = 0xc, [BAR_IO] = 0x1};
        int kind = w->function->type->bars[i].kind;
        uint64_t address = w->function->bar_address[i];

        if (kind == BAR_NONE)
            continue;
        put32(w->bytes, 0x10 + 4 * (unsigned)i, (uint32_t)address | flags[kind]);
        if (kind == BAR_MEM64 || kind == BAR_PREF64)
            put32(w->bytes, 0x14 + 4 * (unsigned)i, (uint32_t)(address >> 32));
    }
}

static void write_windows(const struct function *function, uint64_t shift, uint8_t *bytes)
{
    uint64_t base = function->pref_base + shift, last = function->pref_end - 1 + shift;

    put16(bytes, 0x1c, 0x00f0); /* no I/O window */
    if (function->mem_base < function->mem_end) {
        put16(bytes, 0x20, function->mem_base >> 16 & 0xfff0);
        put16(bytes, 0x22, (function->mem_end - 1) >> 16 & 0xfff0);
    } else {
        put16(bytes, 0x20, 0xfff0);
    }
    if (function->pref_base < function->pref_end) {
        put16(bytes, 0x24, (base >> 16 & 0xfff0) | 1);
        put16(bytes, 0x26, (last >> 16 & 0xfff0) | 1);
        put32(bytes, 0x28, (uint32_t)(base >> 32));
        put32(bytes, 0x2c, (uint32_t)(last >> 32));
    } else {
        put16(bytes, 0x24, 0xfff1);
        put16(bytes, 0x26, 0x0001);
    }
}

static void write_header(struct writer *w)
{
    const struct function *function = w->function;
    const struct function_type *type = function->type;
    uint8_t *bytes = w->bytes;

    put16(bytes, 0x00, type->vendor);
    put16(bytes, 0x02, type->device);
    put16(bytes, 0x04, function->command);
    put16(bytes, 0x06, type->caps ? 0x0010 : 0x0000);
    put8(bytes, 0x08, function->rev);
    put8(bytes, 0x09, type->progif);
    put16(bytes, 0x0a, type->class);
    write_bars(w);
    if (function_is_bridge(function)) {
        put8(bytes, 0x0e, 1);
        put8(bytes, 0x18, function->bus);
        put8(bytes, 0x19, function->secondary);
        put8(bytes, 0x1a, function->subordinate);
        write_windows(function, 0, bytes);
        put16(bytes, 0x3e, 0x0003);
    } else {
        put16(bytes, 0x2c, type->subvendor);
        put16(bytes, 0x2e, type->subdevice);
    }
    if (function_has_interrupt(function))
        put8(bytes, 0x3d, 1);
}

static unsigned link_cap(const struct function *function)
{
    const struct function_type *type = function->type;
    bool port = function_is_port(function);
    unsigned cap = function->cap_speed | (unsigned)function->cap_width << 4 |
                   (unsigned)type->aspm << 10 | 0x400000u | (unsigned)function->port << 24;

    if (type->aspm)
        cap |= 5u << 12 | 5u << 15;
    if (port)
        cap |= 0x180000; /* Surprise+ LLActRep+ */
    if (type->express == EXPRESS_ROOT)
        cap |= 0x200000; /* BwNot+ */
    if (type->role == ROLE_GPU || type->role == ROLE_NVSWITCH)
        cap |= 0x40000; /* ClockPM+ */
    return cap;
}

static void write_link(struct writer *w, unsigned at)
{
    const struct function *function = w->function;
    bool port = function_is_port(function);
    unsigned status;

    put32(w->bytes, at + 0x0c, link_cap(function));
    put16(w->bytes, at + 0x10, function->link_ctl);
    /* An open port idles at 2.5GT/s with no lanes. */
    status = function->link_speed ? function->link_speed | (unsigned)function->link_width << 4 : 1;
    status |= function->type->express == EXPRESS_ROOT || !port ? 0x1000 : 0; /* SlotClk */
    if (port && function->link_speed)
        status |= 0x2000; /* DLActive */
    put16(w->bytes, at + 0x12, status);
    put32(w->bytes, at + 0x2c, (2u << function->cap_speed) - 2);
    put16(w->bytes, at + 0x30, function->link_target);
    if (function->link_speed >= 3 && function->type->express != EXPRESS_UP &&
        function->type->express != EXPRESS_DOWN)
        put16(w->bytes, at + 0x32, 0x001e); /* equalization went well; switches don't tell */
}

static void write_express(struct writer *w)
{
    const struct function *function = w->function;
    const struct function_type *type = function->type;
    unsigned at = standard(w, 0x10, 0x3c);
    bool endpoint = type->express == EXPRESS_ENDPOINT;

    w->map->express = (uint16_t)at;
    put16(w->bytes, at + 2, 2u | (unsigned)type->express << 4 | (function->slot ? 0x100u : 0));
    put32(w->bytes, at + 4,
          type->payload_max | (endpoint || type->express == EXPRESS_ROOT ? 0x20u : 0) |
              (type->express == EXPRESS_INTEGRATED ? 0 : 0x8000u) |
              (endpoint ? 0x10000000u | 25u << 18 | 0x1c0u : 0));
    put16(w->bytes, at + 8,
          function->dev_ctl | (unsigned)function->payload << 5 | (unsigned)function->request << 12);
    if (type->speed)
        write_link(w, at);
    if (function->slot) {
        put32(w->bytes, at + 0x14, 25u << 7 | (unsigned)function->port << 19 | 0x40000u);
        put16(w->bytes, at + 0x18, 0x03c0); /* both lamps off */
        put16(w->bytes, at + 0x1a, function->link_speed ? 0x0040 : 0x0000);
    }
    if (type->express == EXPRESS_ROOT || type->express == EXPRESS_COLLECTOR) {
        put16(w->bytes, at + 0x1c, type->express == EXPRESS_ROOT ? 0x0018 : 0x0008);
        put16(w->bytes, at + 0x1e, type->express == EXPRESS_ROOT ? 0x0001 : 0x0000);
    }
    put32(w->bytes, at + 0x24, type->dev_cap2);
    put16(w->bytes, at + 0x28, function->dev_ctl2);
}

static void write_msi(struct writer *w)
{
    unsigned at = standard(w, 0x05, 0x18);
    bool on = w->function->type->caps & CAP_MSI_ON;

    w->map->msi = (uint16_t)at;
    put16(w->bytes, at + 2, 0x0180 | (on ? 1 : 0)); /* Count=1/1 Maskable+ 64bit+ */
}

static void write_standard(struct writer *w)
{
    const struct function_type *type = w->function->type;
    unsigned at;

    if (type->caps & CAP_PM) {
        at = standard(w, 0x01, 8);
        put16(w->bytes, at + 2, function_is_bridge(w->function) ? 0xc803 : 0x0003);
        put16(w->bytes, at + 4, 0x0008 | w->function->power_state);
    }
    if (type->caps & CAP_MSI)
        write_msi(w);
    if (type->caps & CAP_EXPRESS)
        write_express(w);
    if (type->caps & CAP_MSIX) {
        at = standard(w, 0x11, 12);
        w->map->msix = (uint16_t)at;
        put16(w->bytes, at + 2, 0x8000 | (type->role == ROLE_NIC ? 63 : 8));
        put32(w->bytes, at + 4, 0x2000);
        put32(w->bytes, at + 8, 0x3000);
    }
    if (type->caps & CAP_SSVID) {
        at = standard(w, 0x0d, 8);
        put16(w->bytes, at + 4, type->subvendor);
        put16(w->bytes, at + 6, type->subdevice);
    }
    if (type->caps & CAP_VENDOR) {
        at = standard(w, 0x09, 0x14);
        put8(w->bytes, at + 2, 0x14);
    }
}

static void write_aer(struct writer *w)
{
    bool root = w->function->type->caps & CAP_ROOT_AER;
    unsigned at = extended(w, 0x01, 2, 0x48);

    w->map->aer = (uint16_t)at;
    put32(w->bytes, at + 0x04, w->function->uncorrectable);
    put32(w->bytes, at + 0x08, root ? 0x00310000 : 0x00010000);
    put32(w->bytes, at + 0x0c, 0x000ef030);
    put32(w->bytes, at + 0x10, w->function->correctable);
    put32(w->bytes, at + 0x14, 0x00002000); /* CEMsk: AdvNonFatalErr+ */
    put32(w->bytes, at + 0x18, 0x000000a0 | w->function->aer_ctl);
    if (root)
        put32(w->bytes, at + 0x2c, 0x00000007);
}

static void write_sriov(struct writer *w)
{
    const struct function *function = w->function;
    unsigned at = extended(w, 0x10, 1, 0x40);

    put16(w->bytes, at + 0x08, function->vfs ? 0x0019 : 0x0010);
    put16(w->bytes, at + 0x0c, function->type->vfs_max);
    put16(w->bytes, at + 0x0e, function->type->vfs_max);
    put16(w->bytes, at + 0x10, function->vfs);
    put16(w->bytes, at + 0x14, 2);
    put16(w->bytes, at + 0x16, 1);
    put16(w->bytes, at + 0x1a, function->type->vendor == 0x15b3 ? 0x101e : function->type->device);
    put32(w->bytes, at + 0x1c, 0x00000573);
    put32(w->bytes, at + 0x20, 0x00000001);
}

static void write_rebar(struct writer *w)
{
    unsigned at = extended(w, 0x15, 1, 0x0c);
    unsigned most = w->function->type->bars[2].bits - 20u;
    unsigned now = w->function->bar_bits[2] - 20u;
    uint32_t sizes = 0;

    for (unsigned i = 6; i <= most; i++)
        sizes |= 1u << (i + 4);
    put32(w->bytes, at + 4, sizes);
    put32(w->bytes, at + 8, 2u | 1u << 5 | now << 8);
}

static void write_extended(struct writer *w)
{
    const struct function *function = w->function;
    const struct function_type *type = function->type;
    unsigned at;

    if (type->caps & CAP_AER)
        write_aer(w);
    if (type->caps & CAP_DSN)
        w->map->dsn = (uint16_t)extended(w, 0x03, 1, 0x0c);
    if (type->caps & CAP_VC) {
        at = extended(w, 0x02, 1, 0x1c);
        put32(w->bytes, at + 0x14, 0x800000ff);
    }
    if (type->caps & CAP_ACS) {
        at = extended(w, 0x0d, 1, 0x08);
        put16(w->bytes, at + 4, type->acs_cap);
        put16(w->bytes, at + 6, function->acs_ctl);
    }
    if (type->caps & CAP_ARI)
        (void)extended(w, 0x0e, 1, 0x08);
    if (type->caps & CAP_ATS) {
        at = extended(w, 0x0f, 1, 0x08);
        put16(w->bytes, at + 4, 0x0020);
        put16(w->bytes, at + 6, function->ats ? 0x8000 : 0x0000);
    }
    if (type->caps & CAP_SRIOV)
        write_sriov(w);
    if (type->caps & CAP_REBAR)
        write_rebar(w);
    if (type->caps & CAP_LTR)
        (void)extended(w, 0x18, 1, 0x08);
    if (type->caps & CAP_SECPCIE) {
        at = extended(w, 0x19, 1, 0x2c);
        put32(w->bytes, at + 8, function->lane_errors);
        for (unsigned lane = 0; lane < 16; lane++)
            put16(w->bytes, at + 0x0c + 2 * lane, 0x5f5f);
    }
    if (type->caps & CAP_DPC) {
        at = extended(w, 0x1d, 1, 0x30);
        put16(w->bytes, at + 4, type->express == EXPRESS_ROOT ? 0x14e0 : 0x10c0);
        put16(w->bytes, at + 6, 0x0022);
        put16(w->bytes, at + 8, function->dpc_triggered ? 0x1f01 : 0x1f00);
    }
    if (type->caps & CAP_L1SS) {
        at = extended(w, 0x1e, 1, 0x10);
        put32(w->bytes, at + 4, 0x0028001f);
        put32(w->bytes, at + 8, function->l1ss_ctl);
        put32(w->bytes, at + 0x0c, 0x00000028);
    }
    if (type->caps & CAP_PTM) {
        at = extended(w, 0x1f, 1, 0x0c);
        put32(w->bytes, at + 4, 0x00000206);
        put32(w->bytes, at + 8, 0x00000203);
    }
    if (type->caps & CAP_VSEC) {
        at = extended(w, 0x0b, 1, 0x14);
        put32(w->bytes, at + 4, 0x01410001);
    }
    if (type->caps & CAP_RCEC)
        (void)extended(w, 0x07, 2, 0x0c);
    if (type->caps & CAP_DLF) {
        at = extended(w, 0x25, 1, 0x0c);
        put32(w->bytes, at + 4, 0x80000001);
        put32(w->bytes, at + 8, 0x80000001);
    }
    if (type->caps & CAP_16GT) {
        at = extended(w, 0x26, 1, 0x30);
        put32(w->bytes, at + 0x0c, function->link_speed >= 4 ? 0x0000000f : 0);
    }
    if (type->caps & CAP_MARGIN)
        (void)extended(w, 0x27, 1, 0x48);
    if (type->caps & CAP_32GT) {
        at = extended(w, 0x2a, 1, 0x30);
        put32(w->bytes, at + 0x0c, function->link_speed >= 5 ? 0x0000000f : 0);
    }
}

void config_build(const struct machine *machine, int index, uint8_t bytes[CONFIG_BYTES],
                  struct config_map *map)
{
    struct writer w = {
        .machine = machine,
        .function = &machine->functions[index],
        .bytes = bytes,
        .map = map,
        .standard = 0x40,
        .extended = 0x100,
    };

    memset(bytes, 0, CONFIG_BYTES);
    memset(map, 0, sizeof(*map));
    write_header(&w);
    write_standard(&w);
    if ((w.function->type->caps & CAP_EXPRESS) && !w.function->no_extended)
        write_extended(&w);
}

void config_patch(const struct function *function, const struct config_map *map,
                  const struct config_noise *noise, uint8_t bytes[CONFIG_BYTES])
{
    if (function_has_interrupt(function))
        put8(bytes, 0x3c, noise->irq);
    if (function_is_bridge(function)) {
        put8(bytes, 0x18, function->bus + (function->parent < 0 ? 0u : noise->bus_shift));
        put8(bytes, 0x19, function->secondary + noise->bus_shift);
        put8(bytes, 0x1a, function->subordinate + noise->bus_shift);
        write_windows(function, noise->address_shift, bytes);
    }
    for (int i = 0; i < 6; i++) {
        uint64_t address = function->bar_address[i] + noise->address_shift;

        if (function->type->bars[i].kind == BAR_PREF64) {
            put32(bytes, 0x10 + 4 * (unsigned)i, (uint32_t)address | 0xc);
            put32(bytes, 0x14 + 4 * (unsigned)i, (uint32_t)(address >> 32));
        }
    }
    if (map->msi && (function->type->caps & CAP_MSI_ON)) {
        put32(bytes, map->msi + 4u, noise->msi_address);
        put16(bytes, map->msi + 12u, noise->msi_data);
    }
    if (map->dsn) {
        put32(bytes, map->dsn + 4u, (uint32_t)noise->serial);
        put32(bytes, map->dsn + 8u, (uint32_t)(noise->serial >> 32));
    }
    if (noise->corrected && map->express && map->aer) {
        bytes[map->express + 10] |= 1;
        bytes[map->aer + 0x11] |= 0x20;
    }
}

int function_serial_owner(const struct machine *machine, int index)
{
    const struct function *function = &machine->functions[index];

    if (function->type->express == EXPRESS_DOWN)
        return function->parent;
    for (int i = 0; i < index; i++) {
        const struct function *other = &machine->functions[i];

        if (other->parent == function->parent && other->root == function->root &&
            other->device == function->device)
            return i;
    }
    return index;
}
