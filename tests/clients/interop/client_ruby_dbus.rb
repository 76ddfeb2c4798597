#!/usr/bin/ruby
# SPDX-License-Identifier: Apache-2.0
# ADDRESS MECHANISM TOKEN: what test_interop.py asks of a client, with ruby-dbus, which goes through
# its mechanisms by itself.
require "dbus"
require "etc"

# The kernel's login uid, which ruby-dbus claims with its cookie, is that of whoever logged in to
# run the tests.
def Etc.getlogin
  getpwuid.name
end

address, _mechanism, token = ARGV
bus = DBus::RemoteBus.new(address)
bus.request_service("t.ringbus." + token)
service = bus.service("t.ringbus.Service")["/t/ringbus/Object"]["t.ringbus.Interface"]
loop = DBus::Main.new
loop << bus
service.on_signal("Noted") { |text, _number| loop.quit if text == token }
said = service.Introduce(token)
loop.run
driver = bus.service("org.freedesktop.DBus")["/org/freedesktop/DBus"]["org.freedesktop.DBus"]
told = driver.GetConnectionCredentials(bus.unique_name)
puts "#{said}; itself: #{told.fetch("UnixUserID", "none")}"
