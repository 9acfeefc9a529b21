#include "unit/pci/lspci_world.h"

#include <errno.h>

#define PORT "0000:40:01.0"
#define GPU  "0000:41:00.0"

static struct str golden(const char *name)
{
    struct str text = world_read(TEST_GOLDEN "/lspci", name);

    assert_non_null(text.p);
    return text;
}

/* ---- one text, looked at closely ---- */

static const struct {
    const char *device, *path, *text;
    int64_t number;
    enum fact_class class;
    uint32_t line;
} facts[] = {
    {PORT, "Header.class", "0604", 0x604, FACT_CONFIG, 1},
    {PORT, "Header.kind", "bridge", 0, FACT_CONFIG, 1},
    {PORT, "Header.subdevice", "1453", 0x1453, FACT_CONFIG, 2},
    {PORT, "Slot.physical", "7", 0, FACT_IDENTITY, 3},
    {PORT, "Control.DisINTx", "+", 1, FACT_VOLATILE, 4},
    {PORT, "Status.>TAbort", "-", 0, FACT_STATE, 5},
    {PORT, "Latency.cacheline", "64", 64, FACT_CONFIG, 6},
    {PORT, "Interrupt.irq", "61", 61, FACT_VOLATILE, 7},
    {PORT, "NUMA.node", "1", 1, FACT_CONFIG, 8},
    {PORT, "IOMMU.present", "+", 1, FACT_CONFIG, 9},
    {PORT, "IOMMU.group", "12", 12, FACT_VOLATILE, 9},
    {PORT, "Bus.secondary", "41", 0x41, FACT_IDENTITY, 10},
    {PORT, "IOWindow.state", "disabled", 0, FACT_CONFIG, 11},
    {PORT, "MemWindow.size", "32M", 32 << 20, FACT_CONFIG, 12},
    {PORT, "BridgeCtl.DiscTmrStat", "-", 0, FACT_STATE, 16},
    {PORT, "PM.Flags.PME.D3cold", "+", 1, FACT_CONFIG, 18},
    {PORT, "PM.Status.state", "D0", 0, FACT_STATE, 19},
    {PORT, "Express.type", "Root Port", 0, FACT_CONFIG, 20},
    {PORT, "Express.slot", "+", 1, FACT_CONFIG, 20},
    {PORT, "Express.IntMsgNum", "10", 10, FACT_CONFIG, 20},
    {PORT, "Express.DevCap.MaxPayload", "512", 512, FACT_CONFIG, 21},
    {PORT, "Express.DevCap.ExtTag", "+", 1, FACT_CONFIG, 22},
    {PORT, "Express.DevCtl.ExtTag", "+", 1, FACT_CONFIG, 24},
    {PORT, "Express.DevCtl.MaxPayload", "256", 256, FACT_CONFIG, 25},
    {PORT, "Express.DevSta.CorrErr", "-", 0, FACT_STATE, 26},
    {PORT, "Express.LnkCap.ASPM", "L1", 0, FACT_CONFIG, 27},
    {PORT, "Express.LnkCap.Exit Latency L1", "<64us", 0, FACT_CONFIG, 27},
    {PORT, "Express.LnkCap.ClockPM", "-", 0, FACT_CONFIG, 28},
    {PORT, "Express.LnkCtl.RCB", "64", 64, FACT_CONFIG, 29},
    {PORT, "Express.LnkSta.Speed", "16GT/s", 16000, FACT_CONFIG, 31},
    {PORT, "Express.LnkSta.Width", "x8", 8, FACT_CONFIG, 31},
    {PORT, "Express.LnkSta.BWMgmt", "+", 1, FACT_STATE, 32},
    {PORT, "Express.LnkSta.SlotClk", "+", 1, FACT_CONFIG, 32},
    {PORT, "Express.SltCap.PowerLimit", "75W", 0, FACT_CONFIG, 34},
    {PORT, "Express.SltCtl.Control.PwrInd", "Unknown", 0, FACT_CONFIG, 36},
    {PORT, "Express.SltSta.Changed.LinkState", "+", 1, FACT_STATE, 38},
    {PORT, "Express.RootCtl.ErrNon-Fatal", "-", 0, FACT_CONFIG, 40},
    {PORT, "Express.DevCap2.10BitTagReq", "+", 1, FACT_CONFIG, 43},
    {PORT, "Express.DevCap2.AtomicOpsCap.Routing", "+", 1, FACT_CONFIG, 46},
    {PORT, "Express.DevCtl2.Completion Timeout", "65ms to 210ms", 0, FACT_CONFIG, 47},
    {PORT, "Express.DevCtl2.AtomicOpsCtl.EgressBlck", "-", 0, FACT_CONFIG, 48},
    {PORT, "Express.DevCtl2.10BitTagReq", "-", 0, FACT_CONFIG, 50},
    {PORT, "Express.LnkCtl2.Target Link Speed", "32GT/s", 32000, FACT_CONFIG, 52},
    {PORT, "Express.LnkSta2.EqualizationComplete", "+", 1, FACT_STATE, 55},
    {PORT, "MSI.Enable", "+", 1, FACT_CONFIG, 58},
    {PORT, "MSI.Data", "0021", 0x21, FACT_VOLATILE, 59},
    {PORT, "AER.CESta.RxErr", "+", 1, FACT_STATE, 63},
    {PORT, "AER.AERCap.First Error Pointer", "1f", 31, FACT_STATE, 64},
    {PORT, "SecPCIe.LaneErrStat", "lanes 0 3", 0, FACT_STATE, 69},
    {PORT, "ACS.offset", "2a0", 0x2a0, FACT_CONFIG, 70},
    {PORT, "ACS.ACSCtl.ReqRedir", "+", 1, FACT_CONFIG, 72},
    {PORT, "DPC.DpcCap.RP PIO Log", "6", 6, FACT_CONFIG, 74},
    {PORT, "DPC.DpcSta.RP PIO ErrPtr", "1f", 31, FACT_STATE, 76},
    {PORT, "PTM.PTMCap.Responder", "+", 1, FACT_CONFIG, 79},
    {PORT, "PTM.PTMEffectiveGranularity", "Unknown", 0, FACT_CONFIG, 82},
    {PORT, "Driver.name", "pcieport", 0, FACT_CONFIG, 83},
    {GPU, "Header.kind", "gpu", 0, FACT_CONFIG, 85},
    {GPU, "Region2.size", "128G", (int64_t)128 << 30, FACT_CONFIG, 90},
    {GPU, "Region2.type", "64-bit, prefetchable", 0, FACT_CONFIG, 90},
    {GPU, "Region4.state", "unassigned", 0, FACT_CONFIG, 91},
    {GPU, "ROM.state", "virtual", 0, FACT_CONFIG, 92},
    {GPU, "MSI-X.Vector table.offset", "00b90000", 0xb90000, FACT_CONFIG, 94},
    {GPU, "ReBAR.BAR2.current", "128G", (int64_t)128 << 30, FACT_CONFIG, 97},
    {GPU, "ReBAR.BAR2.supported", "64M 128M 128G", 0, FACT_CONFIG, 97},
    {GPU, "LTR.Max no snoop latency", "34326183936ns", 0, FACT_CONFIG, 101},
    {GPU, "DSN.serial", "48-b0-2d-00-00-00-00-01", 0, FACT_IDENTITY, 102},
    {GPU, "SR-IOV.IOVCap.IntMsgNum", "17", 17, FACT_CONFIG, 104},
    {GPU, "SR-IOV.Number of VFs", "0", 0, FACT_CONFIG, 106},
    {GPU, "SR-IOV.Function Dependency Link", "0a", 10, FACT_CONFIG, 106},
    {GPU, "SR-IOV.Region0.address", "0000040041000000", 0x40041000000, FACT_IDENTITY, 108},
    {GPU, "ECap-0042.offset", "2f0", 0x2f0, FACT_CONFIG, 110},
    {GPU, "Modules.names", "nvidia_drm, nvidia", 0, FACT_LABEL, 112},
};

static void each_line_becomes_its_facts(void **state)
{
    struct str text = golden("new.txt");
    struct parsed world;

    (void)state;
    world = parsed_new(FACT_KEEP_ALL);
    assert_int_equal(world_parse(&world, text, LSPCI_TEXT), 0);
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        struct fact_at at = parsed_at(&world, SUBJECT_PCI, facts[i].device, facts[i].path);

        if (!at.fact)
            fail_msg("no fact %s", facts[i].path);
        if (strcmp(at.fact->text, facts[i].text) != 0)
            fail_msg("%s is %s", facts[i].path, at.fact->text);
        if (at.fact->number != facts[i].number || at.fact->class != facts[i].class)
            fail_msg("%s: number %lld class %d", facts[i].path, (long long)at.fact->number,
                     at.fact->class);
        if (node_fact_line(world.node, at) != facts[i].line)
            fail_msg("%s: line %u", facts[i].path, node_fact_line(world.node, at));
    }
    assert_int_equal(world.node->unseen_count, 0);
    parsed_done(&world);
    free((char *)text.p);
}

/* ---- the same machine in other clothes ---- */

static void all_versions_and_repairs_give_the_same_facts(void **state)
{
    static const char *const others[] = {"old.txt", "wrapped.txt", "stripped.txt", "quoted.txt"};
    struct str plain = golden("new.txt");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct str other = golden(others[i]);

        print_message("%s\n", others[i]);
        assert_true(lspci_looks_like(other));
        assert_same_facts(plain, other);
        free((char *)other.p);
    }
    free((char *)plain.p);
}

static void repaired_texts_keep_their_line_numbers(void **state)
{
    static const struct {
        const char *file, *path, *on_line;
    } rows[] = {
        {"wrapped.txt", "ACS.ACSCtl.ReqRedir", "\t\tACSCtl:"},
        {"wrapped.txt", "Express.LnkSta.Speed", "\t\tLnkSta:"},
        {"stripped.txt", "Express.LnkSta.Speed", "LnkSta:"},
        {"quoted.txt", "Express.LnkCtl2.Target Link Speed", ">>         LnkCtl2:"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str text = golden(rows[i].file), rest = text, line = {0};
        struct parsed world;
        uint32_t number;

        world = parsed_new(FACT_KEEP_ALL);
        assert_int_equal(world_parse(&world, text, LSPCI_TEXT), 0);
        number = node_fact_line(world.node, parsed_at(&world, SUBJECT_PCI, PORT, rows[i].path));
        for (uint32_t k = 0; k < number; k++)
            assert_true(str_line(&rest, &line));
        if (!str_starts(line, rows[i].on_line))
            fail_msg("%s: %s is said to be on \"%.*s\"", rows[i].file, rows[i].path, STR_ARG(line));
        parsed_done(&world);
        free((char *)text.p);
    }
}

static void facts_of_a_part_stand_on_the_lines_of_the_whole(void **state)
{
    struct str one = golden("new.txt"), parts[4];
    struct buf both = {0};
    struct parsed world;
    struct fact_at at;
    uint16_t source;
    struct err err = {0};

    (void)state;
    buf_puts(&both, "first boot:\n");
    buf_add(&both, one.p, one.len);
    buf_add(&both, one.p, one.len);
    assert_int_equal(lspci_split((struct str){both.p, both.len}, parts, ARRAY_LEN(parts)), 2);
    assert_ptr_equal(parts[0].p, both.p);
    assert_int_equal(parts[1].len, one.len);
    world = parsed_new(FACT_KEEP_ALL);
    source = node_source(world.node, "two.txt", "lspci", (struct str){both.p, both.len});
    assert_int_equal(lspci_parse(world.node, source, parts[1], &err), 0);
    at = parsed_at(&world, SUBJECT_PCI, PORT, "ACS.ACSCtl.ReqRedir");
    assert_int_equal(node_fact_line(world.node, at), 1 + 112 + 72);
    assert_true(str_starts(node_fact_text(world.node, at), "ACSCtl:"));
    parsed_done(&world);
    buf_done(&both);
    free((char *)one.p);
}

static void a_file_is_cut_only_where_the_addresses_start_again(void **state)
{
    static const struct {
        const char *name, *text;
        size_t want;
    } cases[] = {
        {"two machines", "00:00.0 a: x\n00:01.0 a: x\n00:00.0 a: x\n00:02.0 a: x\n", 2},
        {"three", "> 0a:00.0 a: x\n> 0b:00.0 a: x\n> 0a:00.0 a: x\n> 0b:00.0 a: x\n0a:00.0 a: x\n",
         3},
        {"a device again", "00:00.0 a: x\n00:01.0 a: x\n\n$ lspci -xxx -s 0:1\n00:01.0 a: x\n", 1},
        {"each device twice", "00:01.0 a: x\n00:01.0 a: x\n00:02.0 a: x\n00:02.0 a: x\n", 1},
        {"no address twice", "00:01.0 a: x\n00:00.0 a: x\n", 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str parts[4];
        size_t count = lspci_split(str_of(cases[i].text), parts, ARRAY_LEN(parts));

        if (count != cases[i].want)
            fail_msg("%s: %zu parts", cases[i].name, count);
    }
}

/* ---- the forms of the tool ---- */

static const struct {
    const char *name, *text, *device, *path, *want;
} forms[] = {
    {"bare list", "19:00.0 3D controller: NVIDIA Corporation Device 2330 (rev a1)\n",
     "0000:19:00.0", "Header.kind", "gpu"},
    {"id behind Device", "19:00.0 3D controller: NVIDIA Corporation Device 2330 (rev a1)\n",
     "0000:19:00.0", "Header.device", "2330"},
    {"no class number without -nn", "19:00.0 3D controller: NVIDIA Corporation Device 2330\n",
     "0000:19:00.0", "Header.class", "(absent)"},
    {"-nn", "19:00.0 3D controller [0302]: NVIDIA Corporation H100 [10de:2330] (rev a1)\n",
     "0000:19:00.0", "Header.vendor", "10de"},
    {"-nn, class unknown to pci.ids",
     "19:00.0 Non-Essential Instrumentation [1300]: AMD Zeppelin [1022:145a]\n", "0000:19:00.0",
     "Header.class", "1300"},
    {"-n", "19:00.0 0302: 10de:2330 (rev a1)\n", "0000:19:00.0", "Header.device", "2330"},
    {"-n, old", "19:00.0 Class 0302: 10de:2330 (rev a1)\n", "0000:19:00.0", "Header.kind", "gpu"},
    {"long domain", "10000:e1:00.0 Non-Volatile memory controller: Intel Corporation P4510\n",
     "10000:e1:00.0", "Header.kind", "nvme"},
    {"-PP", "00:01.0/01:00.0/02:03.0 Ethernet controller: Intel Corporation X710\n", "0000:02:03.0",
     "Header.kind", "nic"},
    {"NVSwitch", "07:00.0 Bridge: NVIDIA Corporation Device 22a3 (rev a1)\n", "0000:07:00.0",
     "Header.kind", "nvswitch"},
    {"-v flags", "19:00.0 3D controller: X\n\tFlags: bus master, fast devsel, latency 0, IRQ 7\n",
     "0000:19:00.0", "Control.BusMaster", "+"},
    {"-v without bus master", "19:00.0 3D controller: X\n\tFlags: fast devsel, NUMA node 1\n",
     "0000:19:00.0", "Control.BusMaster", "-"},
    {"-v NUMA", "19:00.0 3D controller: X\n\tFlags: fast devsel, NUMA node 1, IOMMU group 9\n",
     "0000:19:00.0", "NUMA.node", "1"},
    {"-v IOMMU", "19:00.0 3D controller: X\n\tFlags: fast devsel, NUMA node 1, IOMMU group 9\n",
     "0000:19:00.0", "IOMMU.present", "+"},
    {"-v regions are counted by BARs",
     "19:00.0 VGA compatible controller: X\n\tMemory at b8000000 (32-bit, non-prefetchable) "
     "[size=16M]\n\tMemory at 10000000000 (64-bit, prefetchable) [size=32G]\n\tMemory at "
     "20000000 (64-bit, prefetchable) [size=32M]\n",
     "0000:19:00.0", "Region3.size", "32M"},
    {"window without a size", "00:01.0 PCI bridge: X\n\tMemory behind bridge: f8200000-f83fffff\n",
     "0000:00:01.0", "MemWindow.size", "2M"},
    {"window that is none",
     "00:01.0 PCI bridge: X\n\tMemory behind bridge: fff00000-000fffff [disabled]\n",
     "0000:00:01.0", "MemWindow.state", "disabled"},
    {"unknown speed",
     "00:01.0 PCI bridge: X\n\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n\t\tLnkSta:\t"
     "Speed unknown, Width x0, TrErr- Train-\n",
     "0000:00:01.0", "Express.LnkSta.Speed", "unknown"},
    {"unknown register",
     "00:01.0 PCI bridge: X\n\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n\t\tNewReg:\t"
     "Foo+ Some Flag- Bar=x7 Baz 12 Qux: a b, Deep Thought+\n",
     "0000:00:01.0", "Express.NewReg.Some Flag", "-"},
    {"unknown register, value with blanks",
     "00:01.0 PCI bridge: X\n\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n\t\tNewReg:\t"
     "Foo+ Some Flag- Bar=x7 Baz 12 Qux: a b, Deep Thought+\n",
     "0000:00:01.0", "Express.NewReg.Qux", "a b"},
    {"unknown capability", "00:01.0 PCI bridge: X\n\tCapabilities: [40] #15 [0004]\n",
     "0000:00:01.0", "Cap-15.offset", "40"},
    {"known id without a name", "00:01.0 PCI bridge: X\n\tCapabilities: [140 v1] #19\n",
     "0000:00:01.0", "SecPCIe.offset", "140"},
    {"capability nobody knows",
     "00:01.0 PCI bridge: X\n\tCapabilities: [140 v1] Quantum Link <?>\n", "0000:00:01.0",
     "ECap.title", "Quantum Link <?>"},
    {"AtomicOps at the level of registers",
     "00:01.0 PCI bridge: X\n\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n\t\tDevCtl2: "
     "Completion Timeout: 50us to 50ms, TimeoutDis-\n\t\tAtomicOpsCtl: ReqEn- EgressBlck+\n",
     "0000:00:01.0", "Express.DevCtl2.AtomicOpsCtl.EgressBlck", "+"},
    {"OBFF and no comma",
     "00:01.0 PCI bridge: X\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n\t\t"
     "DevCap2: Completion Timeout: Range ABC, TimeoutDis+, LTR+, OBFF Via message ARIFwd+\n",
     "0000:00:01.0", "Express.DevCap2.ARIFwd", "+"},
    {"OBFF's value",
     "00:01.0 PCI bridge: X\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n\t\t"
     "DevCap2: Completion Timeout: Range ABC, TimeoutDis+, LTR+, OBFF Via message ARIFwd+\n",
     "0000:00:01.0", "Express.DevCap2.OBFF", "Via message"},
    {"a register right below its device",
     "59:00.0 Non-Volatile memory controller: X\n    LnkSta: Speed 8GT/s (downgraded), Width x2 "
     "(downgraded)\n",
     "0000:59:00.0", "Express.LnkSta.Width", "x2"},
    {"lspci's own mark",
     "59:00.0 Non-Volatile memory controller: X\n    LnkSta: Speed 8GT/s (downgraded), Width x2 "
     "(downgraded)\n",
     "0000:59:00.0", "Express.LnkSta.SpeedMark", "downgraded"},
    {"virtio",
     "00:04.0 SCSI storage controller: X\n\tCapabilities: [84] Vendor Specific "
     "Information: VirtIO: Notify\n\t\tBAR=4 offset=00003000 size=00001000 "
     "multiplier=00000004\n",
     "0000:00:04.0", "Vendor.VirtIO.offset", "00003000"},
};

static void every_form_of_the_tool_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct parsed world;
        const char *text;

        world = parsed_new(FACT_KEEP_ALL);
        assert_true(lspci_looks_like(str_of(forms[i].text)));
        assert_int_equal(world_parse(&world, str_of(forms[i].text), LSPCI_TEXT), 0);
        text = parsed_pci(&world, forms[i].device, forms[i].path);
        if (strcmp(text, forms[i].want) != 0)
            fail_msg("%s: %s is %s, not %s", forms[i].name, forms[i].path, text, forms[i].want);
        parsed_done(&world);
    }
}

static const struct {
    const char *name, *text, *what, *covers, *covers_not;
    bool about_a_device;
} blind[] = {
    {"no root", "19:00.0 3D controller: X\n\tFlags: fast devsel\n\tCapabilities: <access denied>\n",
     "PCI capabilities", "ACS", NULL, true},
    {"no extended space",
     "19:00.0 3D controller: X\n\tControl: I/O- Mem+\n\tCapabilities: [60] Express (v2) Endpoint, "
     "MSI 00\n\t\tDevCap:\tMaxPayload 256 bytes\n",
     "extended PCI capabilities (ACS, AER ...)", "AER", "MSI", false},
    {"one -v",
     "19:00.0 3D controller: X\n\tFlags: fast devsel\n\tCapabilities: [60] Express "
     "Endpoint, MSI 00\n\tCapabilities: [148] Access Control Services\n",
     "registers of PCI capabilities", "ACS", "Control", false},
    {"a list", "19:00.0 3D controller: X\n", "settings and capabilities of PCI devices", "Express",
     "SMI", false},
    {"registers without devices", "ACSCtl:\tSrcValid+ ReqRedir+\nACSCtl:\tSrcValid- ReqRedir-\n",
     "registers without the devices they belong to", NULL, "ACS", false},
    {"lspci 3.6",
     "19:00.0 3D controller: X\n\tControl: I/O- Mem+\n\tCapabilities: [60] Express (v2) Endpoint, "
     "MSI 00\n\t\tLnkSta:\tSpeed 32GT/s (ok), Width x16 (ok)\n\t\tLnkCtl2: Target Link Speed: "
     "32GT/s\n"
     "\tCapabilities: [100 v1] Access Control Services\n",
     "IOMMU groups", "IOMMU", "ACS", false},
    {"cut off", "19:00.0 3D controller: X\n\tControl: I/O- Mem+\n\tCapabilities: [60] Expr",
     "the end of the text of lspci", "ACS", NULL, true},
    {"a device twice",
     "19:00.0 3D controller: X\n\tNUMA node: 0\n\n19:00.0 3D controller: Y\n\t"
     "NUMA node: 1\n",
     "a second dump in the same file", NULL, "ACS", false},
};

static void what_a_dump_cannot_show_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blind); i++) {
        const struct unseen *found = NULL;
        struct parsed world;

        world = parsed_new(FACT_KEEP_ALL);
        assert_true(lspci_looks_like(str_of(blind[i].text)));
        assert_int_equal(world_parse(&world, str_of(blind[i].text), LSPCI_TEXT), 0);
        for (uint32_t k = 0; k < world.node->unseen_count; k++)
            if (strcmp(world.node->unseen[k].what, blind[i].what) == 0)
                found = &world.node->unseen[k];
        if (!found)
            fail_msg("%s: nothing said of %s", blind[i].name, blind[i].what);
        assert_int_equal(found->subject >= 0, blind[i].about_a_device);
        if (blind[i].covers)
            assert_true(unseen_covers(found, str_of(blind[i].covers)));
        if (blind[i].covers_not)
            assert_false(unseen_covers(found, str_of(blind[i].covers_not)));
        assert_int_equal(world.node->subjects[0].count, 0); /* no facts invented for the host */
        parsed_done(&world);
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "hello\n",
        "[    0.1] pci 0000:00:1f.0: [8086:a30c] type 00 class 0x060100\n",
        "00:00.0\n",
        "GPU0\t X \tPIX\n",
        "00: 86 80 00 00\n",
        "99:99.9 Bridge: X\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct parsed world;

        world = parsed_new(FACT_KEEP_ALL);
        assert_false(lspci_looks_like(str_of(texts[i])));
        assert_int_equal(world_parse(&world, str_of(texts[i]), LSPCI_TEXT), -EINVAL);
        assert_int_equal(world.node->subject_count, 1);
        parsed_done(&world);
    }
}

/* ---- hex below text ---- */

static int note_bytes(struct node *node, uint16_t source, uint64_t bdf, struct str bytes,
                      uint32_t line, struct err *err)
{
    static const char name[] = "Bytes";

    (void)err;
    fact_begin(node->builder, STR(name));
    fact_number(node->builder, FACT_CONFIG, 0, fact_key(node->builder, STR(""), STR("count")),
                (int64_t)bytes.len, (struct str){0});
    node_attach(node, node_pci(node, bdf), fact_end(node->builder), source, line);
    return 0;
}

static void hex_counts_where_it_shows_more_than_the_text(void **state)
{
    static const struct {
        const char *text;
        unsigned rows;
        enum lspci_prefer prefer;
        const char *count, *speed;
    } rows[] = {
        {"", 4, LSPCI_BEST, "64", "(absent)"}, /* lspci -x */
        {"\tControl: I/O-\n\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n\t\tLnkSta: Speed "
         "8GT/s, Width x4\n",
         4, LSPCI_BEST, "(absent)", "8GT/s"},
        {"\tControl: I/O-\n\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n\t\tLnkSta: Speed "
         "8GT/s, Width x4\n",
         16, LSPCI_BEST, "(absent)", "8GT/s"},
        {"\tControl: I/O-\n\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n\t\tLnkSta: Speed "
         "8GT/s, Width x4\n",
         256, LSPCI_BEST, "4096", "(absent)"},
        {"\tControl: I/O-\n\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n\t\tLnkSta: Speed "
         "8GT/s, Width x4\n",
         256, LSPCI_TEXT, "(absent)", "8GT/s"},
        {"\tControl: I/O-\n\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n\t\tLnkSta: Speed "
         "8GT/s, Width x4\n",
         4, LSPCI_BYTES, "64", "(absent)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lspci_options options = {.prefer = rows[i].prefer, .decode = note_bytes};
        struct buf text = {0};
        struct parsed world;
        struct err err = {0};
        uint16_t source;
        struct fact_at at;

        buf_puts(&text, "19:00.0 3D controller: X\n");
        buf_puts(&text, rows[i].text);
        for (unsigned row = 0; row < rows[i].rows; row++) {
            buf_printf(&text, "%02x:", row * 16);
            for (unsigned k = 0; k < 16; k++)
                buf_printf(&text, " %02x", row ? k : 0x10);
            buf_puts(&text, "\n");
        }
        buf_puts(&text, "\n");
        world = parsed_new(FACT_KEEP_ALL);
        source = node_source(world.node, "x", "lspci", (struct str){text.p, text.len});
        assert_int_equal(
            lspci_parse_with(world.node, source, (struct str){text.p, text.len}, &options, &err),
            0);
        assert_string_equal(parsed_pci(&world, "19:00.0", "Bytes.count"), rows[i].count);
        assert_string_equal(parsed_pci(&world, "19:00.0", "Express.LnkSta.Speed"), rows[i].speed);
        at = parsed_at(&world, SUBJECT_PCI, "19:00.0", "Bytes.count");
        if (at.fact)
            assert_int_equal(node_fact_line(world.node, at), *rows[i].text ? 5 : 2);
        parsed_done(&world);
        buf_done(&text);
    }
}

/* ---- bounds ---- */

static void every_prefix_is_read_within_its_bytes(void **state)
{
    static const char *const files[] = {"new.txt", "old.txt", "stripped.txt", "quoted.txt"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct str text = golden(files[i]);

        /* All near the start, then every seventh: the registers repeat. */
        for (size_t len = 0; len < text.len; len += len < 1500 ? 1 : 7) {
            char *exact = malloc(len ? len : 1);
            struct parsed world;
            int r;

            assert_non_null(exact);
            memcpy(exact, text.p, len);
            world = parsed_new(FACT_KEEP_ALL);
            r = world_parse(&world, (struct str){exact, len}, LSPCI_BEST);
            assert_true(r == 0 || r == -EINVAL);
            parsed_done(&world);
            free(exact);
        }
        free((char *)text.p);
    }
}

static void a_huge_line_costs_no_more_than_it_holds(void **state)
{
    enum { LEN = 8 << 20 };
    static const char *const heads[] = {
        "19:00.0 3D controller: ",
        "19:00.0 3D controller: X\n\tCapabilities: [60] Express (v2) Endpoint\n\t\tLnkSta: ",
        "19:00.0 3D controller: X\n\tControl: ",
        "19:00.0 3D controller: X\n    Control: ", /* needs repair */
    };
    static const char *const tokens[] = {"A+ ", "x", "a=b,", "("};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        for (size_t k = 0; k < ARRAY_LEN(tokens); k++) {
            struct buf text = {0};
            struct parsed world;

            buf_puts(&text, heads[i]);
            while (text.len < LEN)
                buf_puts(&text, tokens[k]);
            world = parsed_new(FACT_KEEP_ALL);
            assert_int_equal(world_parse(&world, (struct str){text.p, text.len}, LSPCI_BEST), 0);
            assert_true(fact_pool_bytes(world.pool) < 4 << 20);
            parsed_done(&world);
            buf_done(&text);
        }
}

static void many_devices_and_blocks_stay_within_bounds(void **state)
{
    struct buf text = {0};
    struct parsed world;

    (void)state;
    for (unsigned i = 0; i < 70000; i++)
        buf_printf(&text, "%04x:%02x:%02x.%x Bridge: X\n", i >> 16, i >> 8 & 0xff, i >> 3 & 31,
                   i & 7);
    world = parsed_new(FACT_KEEP_ALL);
    (void)world_parse(&world, (struct str){text.p, text.len}, LSPCI_TEXT);
    assert_true(world.node->subject_count <= NODE_SUBJECTS_MAX);
    parsed_done(&world);
    buf_clear(&text);
    buf_puts(&text, "19:00.0 Bridge: X\n");
    for (unsigned i = 0; i < 50000; i++)
        buf_printf(&text, "\tRegion 0: Memory at %x (32-bit, prefetchable) [size=4K]\n", i);
    world = parsed_new(FACT_KEEP_ALL);
    assert_int_equal(world_parse(&world, (struct str){text.p, text.len}, LSPCI_TEXT), 0);
    assert_true(world.node->subjects[1].count < 5000);
    parsed_done(&world);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_becomes_its_facts),
        cmocka_unit_test(all_versions_and_repairs_give_the_same_facts),
        cmocka_unit_test(repaired_texts_keep_their_line_numbers),
        cmocka_unit_test(facts_of_a_part_stand_on_the_lines_of_the_whole),
        cmocka_unit_test(a_file_is_cut_only_where_the_addresses_start_again),
        cmocka_unit_test(every_form_of_the_tool_is_read),
        cmocka_unit_test(what_a_dump_cannot_show_is_told),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(hex_counts_where_it_shows_more_than_the_text),
        cmocka_unit_test(every_prefix_is_read_within_its_bytes),
        cmocka_unit_test(a_huge_line_costs_no_more_than_it_holds),
        cmocka_unit_test(many_devices_and_blocks_stay_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
