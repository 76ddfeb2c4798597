# SPDX-License-Identifier: Apache-2.0
# One more build of the daemon, in a world with SELinux and AppArmor: tests/support/fake_lsm.h. It
# is called "ringbus" in a folder of its own, so that every launcher takes it for what it is.
if(NOT TARGET ringbus OR NOT LIBSELINUX_FOUND OR NOT LIBAPPARMOR_FOUND)
  return()
endif()

add_executable(ringbus_mediated "${CMAKE_SOURCE_DIR}/broker/main.c" ${RINGBUS_BUS_SOURCES})
target_compile_definitions(ringbus_mediated PRIVATE RINGBUS_VERSION="${PROJECT_VERSION}")
target_link_libraries(ringbus_mediated PRIVATE
  ringbus_daemon ringbus_gate ringbus_worker PkgConfig::LIBSYSTEMD)
ringbus_fake_lsm(ringbus_mediated)
set_target_properties(ringbus_mediated PROPERTIES OUTPUT_NAME ringbus
  RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/mediated")
