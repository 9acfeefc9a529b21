#include "pci/names.h"

/* In every spelling since lspci 3.1. Where two texts start alike the longer one stands first. */
static const struct cap_name caps[] = {
    {"PM", "Power Management", 0x01, false},
    {"AGP", "AGP version", 0x02, false},
    {"VPD", "Vital Product Data", 0x03, false},
    {"SlotID", "Slot ID", 0x04, false},
    {"MSI", "MSI:", 0x05, false},
    {"MSI", "Message Signalled Interrupts", 0x05, false},
    {"CPCI-HS", "CompactPCI hot-swap", 0x06, false},
    {"PCI-X", "PCI-X", 0x07, false},
    {"HT", "HyperTransport", 0x08, false},
    {"Vendor", "Vendor Specific Information", 0x09, false},
    {"Vendor", "VirtIO", 0x09, false},
    {"Vendor", "Intel", 0x09, false},
    {"DebugPort", "Debug port", 0x0a, false},
    {"CPCI-RC", "CompactPCI central", 0x0b, false},
    {"HotPlug", "Hot-plug capable", 0x0c, false},
    {"SSVID", "Subsystem", 0x0d, false},
    {"AGP3", "AGP3", 0x0e, false},
    {"Secure", "Secure device", 0x0f, false},
    {"Express", "Express", 0x10, false},
    {"MSI-X", "MSI-X", 0x11, false},
    {"SATA", "SATA HBA", 0x12, false},
    {"AF", "PCI Advanced Features", 0x13, false},
    {"EA", "Enhanced Allocation", 0x14, false},
    {"AER", "Advanced Error Reporting", 0x01, true},
    {"VC", "Virtual Channel", 0x02, true},
    {"DSN", "Device Serial Number", 0x03, true},
    {"PowerBudget", "Power Budgeting", 0x04, true},
    {"RCLink", "Root Complex Link", 0x05, true},
    {"RCILink", "Root Complex Internal Link", 0x06, true},
    {"RCEC", "Root Complex Event Collector", 0x07, true},
    {"MFVC", "Multi-Function Virtual Channel", 0x08, true},
    {"VC", NULL, 0x09, true},
    {"RCRB", "Root Complex Register Block", 0x0a, true},
    {"RCRB", "Root Bridge Control Block", 0x0a, true},
    {"VSEC", "Vendor Specific Information", 0x0b, true},
    {"ACS", "Access Control Services", 0x0d, true},
    {"ARI", "Alternative Routing-ID", 0x0e, true},
    {"ATS", "Address Translation Service", 0x0f, true},
    {"SR-IOV", "Single Root I/O Virtualization", 0x10, true},
    {"MR-IOV", "Multi-Root I/O Virtualization", 0x11, true},
    {"MCAST", "Multicast", 0x12, true},
    {"PRI", "Page Request Interface", 0x13, true},
    {"ReBAR", "Physical Resizable BAR", 0x15, true},
    {"ReBAR", "Resizable BAR", 0x15, true},
    {"DPA", "Dynamic Power Allocation", 0x16, true},
    {"TPH", "Transaction Processing Hints", 0x17, true},
    {"LTR", "Latency Tolerance Reporting", 0x18, true},
    {"SecPCIe", "Secondary PCI Express", 0x19, true},
    {"PMUX", "Protocol Multiplexing", 0x1a, true},
    {"PASID", "Process Address Space ID", 0x1b, true},
    {"LNR", "LN Requester", 0x1c, true},
    {"DPC", "Downstream Port Containment", 0x1d, true},
    {"L1SS", "L1 PM Substates", 0x1e, true},
    {"PTM", "Precision Time Measurement", 0x1f, true},
    {"MPHY", "PCI Express over M_PHY", 0x20, true},
    {"FRS", "FRS Queueing", 0x21, true},
    {"RTR", "Readiness Time Reporting", 0x22, true},
    {"DVSEC", "Designated Vendor-Specific", 0x23, true},
    {"VReBAR", "Virtual Resizable BAR", 0x24, true},
    {"DLF", "Data Link Feature", 0x25, true},
    {"16GT", "Physical Layer 16.0 GT/s", 0x26, true},
    {"LaneMargin", "Lane Margining at the Receiver", 0x27, true},
    {"HierID", "Hierarchy ID", 0x28, true},
    {"NPEM", "Native PCIe Enclosure Management", 0x29, true},
    {"32GT", "Physical Layer 32.0 GT/s", 0x2a, true},
    {"AltProto", "Alternate Protocol", 0x2b, true},
    {"SFI", "System Firmware Intermediary", 0x2c, true},
    {"DOE", "Data Object Exchange", 0x2e, true},
    {"DEV3", "Device 3", 0x2f, true},
    {"IDE", "Integrity & Data Encryption", 0x30, true},
    {"64GT", "Physical Layer 64.0 GT/s", 0x31, true},
    {"FLitLog", "Flit Logging", 0x32, true},
    {"FLitPerf", "Flit Performance Measurement", 0x33, true},
    {"FLitErr", "Flit Error Injection", 0x34, true},
    {"MRBL", "MMIO Register Block Locator", 0x36, true},
};

const struct cap_name *cap_by_text(struct str text, bool extended)
{
    for (size_t i = 0; i < ARRAY_LEN(caps); i++)
        if (caps[i].extended == extended && caps[i].text && text.len && *caps[i].text == *text.p &&
            str_starts(text, caps[i].text))
            return &caps[i];
    return NULL;
}

const struct cap_name *cap_by_id(uint16_t id, bool extended)
{
    for (size_t i = 0; i < ARRAY_LEN(caps); i++)
        if (caps[i].extended == extended && caps[i].id == id)
            return &caps[i];
    return NULL;
}

const char *block_of_register(struct str line)
{
    static const struct {
        const char *label, *block;
    } registers[] = {
        {"DevCap", "Express"}, {"DevCtl", "Express"}, {"DevSta", "Express"}, {"LnkCap", "Express"},
        {"LnkCtl", "Express"}, {"LnkSta", "Express"}, {"Slt", "Express"},    {"RootC", "Express"},
        {"ACSCap:", "ACS"},    {"ACSCtl:", "ACS"},    {"UE", "AER"},         {"CE", "AER"},
        {"AERCap:", "AER"},    {"ATSC", "ATS"},       {"Dpc", "DPC"},        {"LaneErr", "SecPCIe"},
        {"L1Sub", "L1SS"},     {"PTM", "PTM"},        {"IOV", "SR-IOV"},
    };

    for (size_t i = 0; i < ARRAY_LEN(registers); i++)
        if (str_starts(line, registers[i].label))
            return registers[i].block;
    return "Text";
}

/* block and reg are globs; NULL matches any. A name ending in '*' is a prefix. */
struct class_row {
    const char *block, *reg, *name;
    enum fact_class class;
};

/* The first row that fits counts; what no row knows is a setting. */
static const struct class_row class_rows[] = {
    {"Express", "LnkSta", "Speed", FACT_CONFIG},
    {"Express", "LnkSta", "Width", FACT_CONFIG},
    {"Express", "LnkSta", "SlotClk", FACT_CONFIG},
    {"Express", "LnkSta", "SpeedMark", FACT_LABEL},
    {"Express", "LnkSta", "WidthMark", FACT_LABEL},
    {"Express", "LnkSta", NULL, FACT_STATE},
    {"Express", "LnkSta2", NULL, FACT_STATE},
    {"Express", "DevSta", NULL, FACT_STATE},
    {"Express", "SltSta", NULL, FACT_STATE},
    {"Express", "RootSta", NULL, FACT_STATE},
    {"AER", "UESta", NULL, FACT_STATE},
    {"AER", "CESta", NULL, FACT_STATE},
    {"AER", "RootSta", "IntMsg*", FACT_CONFIG},
    {"AER", "RootSta", NULL, FACT_STATE},
    {"AER", "ErrorSrc", NULL, FACT_STATE},
    {"AER", "AERCap", "First Error Pointer", FACT_STATE},
    {"AER", "AERCap", "TLPPfxPres", FACT_STATE},
    {"AER", "", "HeaderLog", FACT_VOLATILE},
    {"DPC", "DpcSta", NULL, FACT_STATE},
    {"DPC", "", "Source", FACT_STATE},
    {"SecPCIe", "", "LaneErrStat", FACT_STATE},
    {"16GT", NULL, "offset", FACT_CONFIG},
    {"16GT", NULL, "version", FACT_CONFIG},
    {"16GT", NULL, NULL, FACT_STATE},
    {"32GT", "Phy32Sta", NULL, FACT_STATE},
    {"64GT", "Phy64Sta", NULL, FACT_STATE},
    {"LaneMargin", "PortSta", NULL, FACT_STATE},
    {"DLF", "DLFSta", NULL, FACT_STATE},
    {"PM", "Status", "NoSoftRst", FACT_CONFIG},
    {"PM", "Status", "PME-Enable", FACT_CONFIG},
    {"PM", "Status", "DSel", FACT_CONFIG},
    {"PM", "Status", "DScale", FACT_CONFIG},
    {"PM", "Status", NULL, FACT_STATE},
    {"MSI", "", "Address", FACT_VOLATILE},
    {"MSI", "", "Data", FACT_VOLATILE},
    {"MSI", "", "Masking", FACT_VOLATILE},
    {"MSI", "", "Pending", FACT_VOLATILE},
    {"VC", "Status", NULL, FACT_STATE},
    {"VC", "VC*", "Status.*", FACT_STATE},
    {"SR-IOV", "IOVSta", NULL, FACT_STATE},
    {"SR-IOV", "Region*", "address", FACT_IDENTITY},
    {"PRI", "PRISta", NULL, FACT_STATE},
    {"AF", "AFStatus", NULL, FACT_STATE},
    {"DOE", "DOESta", NULL, FACT_STATE},
    {"DVSEC", "*Sta", NULL, FACT_STATE},
    {"DVSEC", "*Sta2", NULL, FACT_STATE},
    {"DVSEC", "FBModTS", NULL, FACT_STATE},
    {"DVSEC", "Range*", "base", FACT_IDENTITY},
    {"IDE", "*Sta", NULL, FACT_STATE},
    {"DEV3", "DevSta3", NULL, FACT_STATE},
    {"FLitLog", "*Sts*", NULL, FACT_STATE},
    {"FLitLog", "Log*", NULL, FACT_STATE},
    {"FLitErr", "FlitEiSts", NULL, FACT_STATE},
    {"FLitErr", "FlitEiOs?x", NULL, FACT_STATE},
    {"DSN", "", "serial", FACT_IDENTITY},
    {"VPD", "", "SN", FACT_IDENTITY},
    {"VPD", "", "V3", FACT_IDENTITY}, /* ConnectX: UUID */
    {"VPD", "", "VU", FACT_IDENTITY},
    {"VPD", "", "product", FACT_LABEL},
    {"VPD", "", "readable", FACT_STATE},
    {"SSVID", "", "name", FACT_LABEL},
    {"RCLink", "Link*", "Addr*", FACT_IDENTITY},
    {"RCEC", "", "AssociatedBusNumbers", FACT_IDENTITY},
    {"PCI-X", "Status", "Dev", FACT_IDENTITY},
    {"PCI-X", "Status", "SCD", FACT_STATE},
    {"PCI-X", "Status", "USC", FACT_STATE},
    {"PCI-X", "Status", "RSCEM", FACT_STATE},
    {"EA", "Entry*", "Base", FACT_IDENTITY},
    {"MCAST", "McastBAR", "BaseAddr", FACT_IDENTITY},
    {"MCAST", "McastOverlayBAR", "BaseAddr", FACT_IDENTITY},
    {"HT", "", "Mapping Address Base", FACT_IDENTITY},
    {"Control", "", "DisINTx", FACT_VOLATILE},
    {"Status", NULL, NULL, FACT_STATE},
    {"SecondaryStatus", NULL, NULL, FACT_STATE},
    {"BridgeCtl", "", "DiscTmrStat", FACT_STATE},
    {"Bus", "", "sec-latency", FACT_CONFIG},
    {"Bus", NULL, NULL, FACT_IDENTITY},
    {"Interrupt", "", "irq", FACT_VOLATILE},
    {"IOMMU", "", "group", FACT_VOLATILE},
    {"Region*", "", "address", FACT_IDENTITY},
    {"ROM", "", "address", FACT_IDENTITY},
    {"*Window*", "", "address", FACT_IDENTITY},
    {"*Window*", "", "bits", FACT_LABEL},
    {"Modules", NULL, NULL, FACT_LABEL},
    {"Slot", NULL, NULL, FACT_IDENTITY},
    {"DeviceTree", NULL, NULL, FACT_LABEL},
    {"Header", "", "gone", FACT_STATE},
    {"Header", "", "name", FACT_LABEL},
    {"Header", "", "subsystem", FACT_LABEL},
    {"Header", "", "classname", FACT_LABEL},
    {"Header", "", "label", FACT_LABEL},
    {"Header", "", "progifname", FACT_LABEL},
    {"AERCount", NULL, NULL, FACT_STATE},
    {"Text", NULL, NULL, FACT_LABEL},
};
_Static_assert(ARRAY_LEN(class_rows) < 256, "rows are kept as bytes");

struct rename_row {
    const char *block, *reg, *from, *to;
};

static const struct rename_row rename_rows[] = {
    {"Express", "DevCtl", "Report errors.Correctable", "CorrErr"}, /* before 3.6.0 */
    {"Express", "DevCtl", "Report errors.Non-Fatal", "NonFatalErr"},
    {"Express", "DevCtl", "Report errors.Fatal", "FatalErr"},
    {"Express", "DevCtl", "Report errors.Unsupported", "UnsupReq"},
    {"Express", "DevCtl", "Correctable", "CorrErr"}, /* the same, on a line a mailer broke */
    {"Express", "DevCtl", "Non-Fatal", "NonFatalErr"},
    {"Express", "DevCtl", "Fatal", "FatalErr"},
    {"Express", "DevCtl", "Unsupported", "UnsupReq"},
    {"Express", "DevSta", "UncorrErr", "NonFatalErr"},
    {"Express", "DevSta", "UnsuppReq", "UnsupReq"},
    {"Express", "DevCap", "L1", "Latency L1"},
    {"Express", "LnkCap", "L1", "Exit Latency L1"},
    {"Express", "LnkCap", "Latency L0", "Exit Latency L0s"}, /* before 3.3 */
    {"Express", "LnkCap", "Suprise", "Surprise"},
    {"Express", "LnkCtl", "Disabled", "LnkDisable"}, /* before 3.11.0 */
    {"Express", "LnkCtl2", "Compliance De-emphasis", "Compliance Preset/De-emphasis"},
    {"AER", "CESta", "NonFatalErr", "AdvNonFatalErr"},
    {"AER", "CEMsk", "NonFatalErr", "AdvNonFatalErr"},
    {"AER", "AERCap", "GenCap", "ECRCGenCap"},
    {"AER", "AERCap", "CGenEn", "ECRCGenEn"},
    {"AER", "AERCap", "ChkCap", "ECRCChkCap"},
    {"AER", "AERCap", "ChkEn", "ECRCChkEn"},
    {"AER", "RootSta", "IntMsg", "IntMsgNum"},
    {"DPC", "DpcCap", "INT Msg", "IntMsgNum"},
    {"SR-IOV", "IOVCap", "Interrupt Message Number", "IntMsgNum"},
    {"DOE", "DOECap", "Interrupt Message Number", "IntMsgNum"},
    {"Express", "SltCap", "Surpise", "Surprise"},
    {"MSI", "", "Mask", "Maskable"}, /* before 3.1.5 */
    {"MSI-X", "", "Mask", "Masked"},
    {"MSI-X", "", "TabSize", "Count"},
    {"PTM", "PTMCap", "RequesterCap", "Requester"},
    {"PTM", "PTMCap", "ResponderCap", "Responder"},
    {"PTM", "PTMCap", "RootCap", "Root"},
    {"PTM", "PTMControl", "RootSelect", "RootSelected"},
    {"DVSEC", "CXLCap", "Mem HW Init", "MemHWInit"}, /* before 3.11 */
    {"DVSEC", "CXLCtl", "Cache SF Cov", "CacheSFCov"},
    {"DVSEC", "CXLCtl", "Cache SF Gran", "CacheSFGran"},
    {"DVSEC", "CXLCtl", "Clean", "CacheClean"},
};
_Static_assert(ARRAY_LEN(rename_rows) < 256, "rows are kept as bytes");

struct hex_row {
    const char *block, *reg, *name;
};

static const struct hex_row hex_rows[] = {
    {"Vendor", "", "Len"},
    {"VSEC", "", "ID"},
    {"VSEC", "", "Len"},
    {"DVSEC", "", "Vendor"},
    {"DVSEC", "", "ID"},
    {"DPC", "DpcCtl", "Trigger"},
    {"DPC", "DpcSta", "Reason"},
    {"DPC", "DpcSta", "TriggerExt"},
    {"DPC", "DpcSta", "RP PIO ErrPtr"},
    {"DPC", "", "Source"},
    {"AER", "AERCap", "First Error Pointer"},
    {"AER", "ErrorSrc", NULL},
    {"Express", "RootSta", "PME ReqID"},
    {"ATS", "*", "Invalidate Queue Depth"},
    {"ATS", "*", "Smallest Translation Unit"},
    {"PASID", "*", "Max PASID Width"},
    {"PRI", "", "Page Request *"},
    {"SR-IOV", "", "Function Dependency Link"},
    {"SR-IOV", "", "Device ID"},
    {"SR-IOV", "", "Supported Page Size"},
    {"SR-IOV", "", "System Page Size"},
    {"SR-IOV", "VF Migration", NULL},
    {"SR-IOV", "Region*", "address"},
    {"MSI", "", "Address"},
    {"MSI", "", "Data"},
    {"MSI", "", "Masking"},
    {"MSI", "", "Pending"},
    {"MCAST", "", "Mcast*"},
    {"MCAST", "*", "BaseAddr"},
    {"MSI-X", "*", "offset"},
    {"VC", "*", "PATOffset"},
    {"VC", "VC*", "Caps.PATOffset"},
    {"VC", "VC*", "Ctrl.TC/VC"},
    {"RCLink", "*", "*Port"},
    {"RCLink", "*", "*Number"},
    {"RCLink", "*", "*Component"},
    {"RCLink", "*", "*ComponentID"},
    {"EA", "Entry*", "Base"},
    {"EA", "Entry*", "MaxOffset"},
    {"IDE", "*RID*", "Base"},
    {"IDE", "*RID*", "Limit"},
    {"IDE", "*RID*", "SegBase"},
    {"DVSEC", "Block*", "offset"},
    {"MRBL", "Locator*", "offset"},
    {"FLitErr", "FlitEiOsCtl2", NULL},
    {"FLitLog", "Log?", "Synd*"},
    {"FLitLog", "CntCtl", "Trigger Event on Error Count"},
    {"DVSEC", "FBModTS", NULL},
    {"DebugPort", "Port", "offset"},
    {"SATA", "BAR", "Offset"},
    {"SlotID", "", "chassis"},
    {"HT", "*", "<CRCErr"},
    {"Vendor", "VirtIO", "offset"},
    {"Vendor", "VirtIO", "size"},
    {"Vendor", "VirtIO", "multiplier"},
    {"Vendor", "", "offset"},
    {"Vendor", "", "size"},
    {"Vendor", "", "multiplier"},
    {"VC", "", "Port Arbitration Table"},
    {"DVSEC", "Block*", "offset"},
    {"DVSEC", "FBModTS", NULL},
    {"DVSEC", "CXLCap2", "Cache Size"},
    {"DVSEC", "", "FuncMap *"},
    {"IDE", "*", "Base"},
    {"IDE", "*", "Limit"},
    {"IDE", "*", "SegBase"},
};
_Static_assert(ARRAY_LEN(hex_rows) < 256, "rows are kept as bytes");

static bool row_fits(const char *pattern, struct str text)
{
    size_t len;

    if (!pattern)
        return true;
    /* Most rows go by their first byte; this is the parser's hottest comparison. */
    if (*pattern != '*' && *pattern != (text.len ? *text.p : 0))
        return false;
    len = strlen(pattern);
    if (!memchr(pattern, '*', len))
        return len == text.len && (len == 0 || memcmp(pattern, text.p, len) == 0);
    return str_glob(pattern, text);
}

void field_block_find(struct str block, struct field_block *range)
{
    *range = (struct field_block){0};
    for (size_t i = 0; i < ARRAY_LEN(class_rows); i++)
        if (row_fits(class_rows[i].block, block)) {
            range->class_first = range->class_last ? range->class_first : (uint8_t)i;
            range->class_last = (uint8_t)(i + 1);
        }
    for (size_t i = 0; i < ARRAY_LEN(rename_rows); i++)
        if (row_fits(rename_rows[i].block, block)) {
            range->rename_first = range->rename_last ? range->rename_first : (uint8_t)i;
            range->rename_last = (uint8_t)(i + 1);
        }
    for (size_t i = 0; i < ARRAY_LEN(hex_rows); i++)
        if (row_fits(hex_rows[i].block, block)) {
            range->hex_first = range->hex_last ? range->hex_first : (uint8_t)i;
            range->hex_last = (uint8_t)(i + 1);
        }
}

void field_rows_find(const struct field_block *range, struct str block, struct str reg,
                     struct field_rows *rows)
{
    rows->class = FACT_CONFIG;
    rows->class_count = rows->rename_count = rows->hex_count = 0;
    for (size_t i = range->class_first; i < range->class_last; i++) {
        const struct class_row *row = &class_rows[i];

        if (!row_fits(row->reg, reg) || !row_fits(row->block, block))
            continue;
        if (!row->name) {
            rows->class = row->class;
            break;
        }
        if (rows->class_count < FIELD_ROWS_MAX)
            rows->classes[rows->class_count++] = (uint8_t)i;
    }
    for (size_t i = range->rename_first; i < range->rename_last; i++)
        if (row_fits(rename_rows[i].reg, reg) && row_fits(rename_rows[i].block, block) &&
            rows->rename_count < FIELD_ROWS_MAX)
            rows->renames[rows->rename_count++] = (uint8_t)i;
    for (size_t i = range->hex_first; i < range->hex_last; i++)
        if (row_fits(hex_rows[i].reg, reg) && row_fits(hex_rows[i].block, block) &&
            rows->hex_count < FIELD_ROWS_MAX)
            rows->hexes[rows->hex_count++] = (uint8_t)i;
}

enum fact_class field_rows_class(const struct field_rows *rows, struct str name)
{
    for (unsigned i = 0; i < rows->class_count; i++)
        if (row_fits(class_rows[rows->classes[i]].name, name))
            return class_rows[rows->classes[i]].class;
    return rows->class;
}

struct str field_rows_rename(const struct field_rows *rows, struct str name)
{
    for (unsigned i = 0; i < rows->rename_count; i++)
        if (row_fits(rename_rows[rows->renames[i]].from, name))
            return str_of(rename_rows[rows->renames[i]].to);
    return name;
}

bool field_rows_hex(const struct field_rows *rows, struct str name)
{
    for (unsigned i = 0; i < rows->hex_count; i++)
        if (row_fits(hex_rows[rows->hexes[i]].name, name))
            return true;
    return false;
}

enum fact_class field_class(struct str block, struct str reg, struct str name)
{
    struct field_block range;
    struct field_rows rows;

    field_block_find(block, &range);
    field_rows_find(&range, block, reg, &rows);
    return field_rows_class(&rows, name);
}
