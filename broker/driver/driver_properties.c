/* SPDX-License-Identifier: Apache-2.0 */
/* org.freedesktop.DBus.Properties of the bus: Features and Interfaces, both constant. */
#include "broker/driver/driver_private.h"

static void driver_get(DriverCall *call);
static void driver_get_all(DriverCall *call);
static void driver_set(DriverCall *call);

const DriverMethod driver_properties_methods[] = {
        {"Get", "ss", "v", DRIVER_ANY_PATH, driver_get},
        {"GetAll", "s", "a{sv}", DRIVER_ANY_PATH, driver_get_all},
        {"Set", "ssv", "", DRIVER_ANY_PATH, driver_set},
        {NULL, NULL, NULL, 0, NULL},
};

typedef struct DriverProperty {
        const char *name;
        void (*write)(Writer *writer, const Driver *driver);
} DriverProperty;

static void driver_write_features(Writer *writer, const Driver *driver)
{
        writer_open_array(writer, 's');
        writer_string(writer, TEXT("ActivatableServicesChanged"));
        if (driver->features.apparmor)
                writer_string(writer, TEXT("AppArmor"));
        writer_string(writer, TEXT("HeaderFiltering"));
        if (driver->features.selinux)
                writer_string(writer, TEXT("SELinux"));
        if (driver->features.systemd_activation)
                writer_string(writer, TEXT("SystemdActivation"));
        writer_close_array(writer);
}

/* Optional interfaces only. */
static void driver_write_interfaces(Writer *writer, const Driver *driver)
{
        (void)driver;
        writer_open_array(writer, 's');
        writer_string(writer, TEXT("org.freedesktop.DBus.Monitoring"));
        writer_string(writer, TEXT("org.freedesktop.DBus.Debug.Stats"));
        writer_close_array(writer);
}

static const DriverProperty driver_properties[] = {
        {"Features", driver_write_features},
        {"Interfaces", driver_write_interfaces},
};

static bool driver_knows_interface(DriverCall *call, Text interface)
{
        for (const DriverInterface *known = driver_interfaces; known->name; known++)
                if (text_equal(interface, text_from(known->name)))
                        return true;
        driver_fail(call, "UnknownInterface", "Interface \"%.*s\" not found",
                    TEXT_FORMAT(interface));
        return false;
}

/* NULL: the error has been sent. */
static const DriverProperty *driver_find_property(DriverCall *call, Text interface, Text name)
{
        if (!driver_knows_interface(call, interface))
                return NULL;
        for (size_t i = 0;
             text_equal(interface, BUSMESSAGE_BUS_NAME) && i < ARRAY_SIZE(driver_properties); i++)
                if (text_equal(name, text_from(driver_properties[i].name)))
                        return &driver_properties[i];
        driver_fail(call, "UnknownProperty", "Property \"%.*s.%.*s\" not found",
                    TEXT_FORMAT(interface), TEXT_FORMAT(name));
        return NULL;
}

typedef struct DriverValue {
        const Driver *driver;
        const DriverProperty *property;
} DriverValue;

static void driver_write_value(Writer *writer, const void *context)
{
        const DriverValue *value = context;

        writer_open_variant(writer, TEXT("as"));
        value->property->write(writer, value->driver);
}

static void driver_get(DriverCall *call)
{
        Text interface = driver_read_string(call);
        Text name = driver_read_string(call);
        DriverValue value = {.driver = call->driver,
                             .property = driver_find_property(call, interface, name)};

        if (value.property)
                driver_reply(call, "v", driver_write_value, &value);
}

static void driver_write_all(Writer *writer, const void *context)
{
        const Driver *driver = context; /* NULL: an interface without properties */

        writer_open_array(writer, '{');
        for (size_t i = 0; driver && i < ARRAY_SIZE(driver_properties); i++) {
                writer_open_struct(writer);
                writer_string(writer, text_from(driver_properties[i].name));
                writer_open_variant(writer, TEXT("as"));
                driver_properties[i].write(writer, driver);
        }
        writer_close_array(writer);
}

static void driver_get_all(DriverCall *call)
{
        Text interface = driver_read_string(call);

        if (driver_knows_interface(call, interface))
                driver_reply(call, "a{sv}", driver_write_all,
                             text_equal(interface, BUSMESSAGE_BUS_NAME) ? call->driver : NULL);
}

static void driver_set(DriverCall *call)
{
        Text interface = driver_read_string(call);
        Text name = driver_read_string(call);

        if (driver_find_property(call, interface, name))
                driver_fail(call, "PropertyReadOnly", "Property '%.*s.%.*s' cannot be set",
                            TEXT_FORMAT(interface), TEXT_FORMAT(name));
}
