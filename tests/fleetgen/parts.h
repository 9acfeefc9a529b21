/* fleetgen/parts - the kinds of PCI functions that the models are made of, with the register values
 * that healthy ones show. */
#ifndef FLEETGEN_PARTS_H
#define FLEETGEN_PARTS_H

#include "model.h"

extern const struct function_type part_intel_root;
extern const struct function_type part_intel_pch_port;
extern const struct function_type part_intel_vtd;
extern const struct function_type part_intel_ras;
extern const struct function_type part_intel_mesh;
extern const struct function_type part_intel_collector;
extern const struct function_type part_intel_cha;
extern const struct function_type part_intel_imc;
extern const struct function_type part_intel_dsa;
extern const struct function_type part_intel_usb;
extern const struct function_type part_intel_sata;
extern const struct function_type part_intel_lpc;
extern const struct function_type part_intel_smbus;
extern const struct function_type part_pex_up;
extern const struct function_type part_pex_down;
extern const struct function_type part_pex_down_x4;
extern const struct function_type part_pex_management;
extern const struct function_type part_pex4_up;
extern const struct function_type part_pex4_down;
extern const struct function_type part_pmc_up;
extern const struct function_type part_pmc_down;
extern const struct function_type part_h100_sxm;
extern const struct function_type part_h100_pcie;
extern const struct function_type part_a100_sxm;
extern const struct function_type part_gb200_gpu;
extern const struct function_type part_nvswitch3;
extern const struct function_type part_nvswitch2;
extern const struct function_type part_cx7;
extern const struct function_type part_cx6;
extern const struct function_type part_cx6dx;
extern const struct function_type part_bf3;
extern const struct function_type part_bcm5720;
extern const struct function_type part_nvme;
extern const struct function_type part_ast_bridge;
extern const struct function_type part_ast_vga;
extern const struct function_type part_amd_root;
extern const struct function_type part_amd_root4;
extern const struct function_type part_amd_complex;
extern const struct function_type part_amd_iommu;
extern const struct function_type part_amd_collector;
extern const struct function_type part_amd_dummy;
extern const struct function_type part_amd_df;
extern const struct function_type part_amd_smbus;
extern const struct function_type part_amd_lpc;
extern const struct function_type part_grace_root;

#endif
