"""The shipped operating guides: how everyday trouble is worked on, in both languages.

Owns: the texts. Must not know: which alarm they are for (defaults.py).
"""

from edgegw.service.defaults_plans import guide

GUIDES = (
    guide(
        "security-check",
        ("安防告警核查", "Checking a security alarm"),
        ("调看报警部位监控。", "Look at the cameras there."),
        ("派秩序维护员到场核查，保持对讲。", "Send a guard, in radio contact."),
        (
            "有人为痕迹按非法闯入预案处置；否则复位并记录原因。",
            "Traces of people: go by the intrusion plan; else reset and record the cause.",
        ),
    ),
    guide(
        "tamper-check",
        ("设备被拆动核查", "Checking a tamper alarm"),
        ("调看监控，确认是否为已登记的施工或维修。", "Look at the cameras; is it work that was announced?"),
        ("到场查看外壳、螺丝、线缆，拍照。", "Look at cover, screws and cables; take photographs."),
        ("读卡器被拆动的门：核对近24小时通行记录。", "A door's reader: go through the last 24 hours of its records."),
        ("固定外壳，试一次正常功能，告警消除后离开。", "Fix the cover, try it once, leave when the alarm is gone."),
    ),
    guide(
        "fire-detector-check",
        ("火灾探测报警核查", "Checking a fire detector"),
        ("核对报警编号与图纸部位，两分钟内到场。", "Match number and plan; be there within two minutes."),
        (
            "有烟火按火灾预案；无烟火查水汽、粉尘、油烟、虫害。",
            "Smoke or fire: the fire plan. None: steam, dust, cooking, insects.",
        ),
        (
            "复位；反复误报的更换探测器，期间该处加强巡查，不得长期屏蔽。",
            "Reset; replace one that does it again and patrol meanwhile; never leave it disabled.",
        ),
    ),
    guide(
        "fire-system-fault",
        ("消防设施故障处理", "Fault in a fire system"),
        (
            "在消防主机上核对故障点、类型和时间，记入值班记录。",
            "Read point, kind and time at the panel; enter it in the log.",
        ),
        ("受影响区域加派巡查，直至恢复。", "Patrol the area until it works again."),
        (
            "通知消防维保单位到场；需停用的，经消防安全管理人批准。",
            "Call the fire contractor; switching anything off needs the fire safety manager.",
        ),
        ("修复后做一次功能试验，主机无故障后签字。", "Test it after the repair; sign when the panel is clear."),
    ),
    guide(
        "door-relock",
        ("消防释放门的复位", "Relocking a door released by fire"),
        ("消防控制室确认火警解除前，不得复位。", "Not before the fire control room says that the fire alarm is over."),
        ("到门前确认疏散结束、无人通行。", "Go to the door; see that nobody is passing."),
        (
            "在控制台或用 edgegw door relock 复位，试刷一次卡。",
            "Relock at the console or with `edgegw door relock`; try one card.",
        ),
        ("期间该门由人员值守。", "Guard the door meanwhile."),
    ),
    guide(
        "door-release-by-hand",
        ("消防释放失败的门的处理", "A door that fire could not release"),
        (
            "立即到该门，用钥匙、紧急按钮或断电方式打开并固定。",
            "Go there at once; open by key, emergency button or power, and wedge it open.",
        ),
        ("引导人员从就近的安全出口疏散。", "Lead people to the nearest exit."),
        (
            "事后检查锁、继电器、电源和线路，做一次释放试验。",
            "Afterwards check lock, relay, supply and cable; test a release.",
        ),
    ),
    guide(
        "lift-stopped",
        ("电梯故障停梯处理", "A lift out of service"),
        (
            "先用对讲和监控确认轿厢内无人；有人按困人预案。",
            "First be sure that nobody is inside; if so, the entrapment plan.",
        ),
        ("各层放置停用牌，通知客服告知住户。", "Put up signs on each floor; the front desk tells residents."),
        ("通知维保单位，记录到场和修复时间。", "Call the contractor; note arrival and repair."),
        (
            "无证人员不得开启层门、进入机房操作。",
            "Nobody without the certificate opens landing doors or works in the machine room.",
        ),
    ),
    guide(
        "leak-find",
        ("漏水排查", "Finding a leak"),
        ("到场确认是真实漏水还是冷凝、拖地误触。", "Go and see: a leak, condensation, or a mop?"),
        ("关闭就近阀门，擦干探头。", "Close the nearest valve; dry the probe."),
        ("查接头、软管、地漏、上层住户。", "Look at joints, hoses, drains and the flat above."),
        (
            "修复后通水观察10分钟；无法控制时按跑水预案。",
            "After the repair watch it for ten minutes under pressure; out of hand: the flooding plan.",
        ),
    ),
    guide(
        "power-quality",
        ("电压、电流异常处理", "Voltage or current out of range"),
        (
            "由持证电工佩戴防护复测三相电压和电流。",
            "A certified electrician with protection measures all phases again.",
        ),
        (
            "全楼同时异常：联系95598；仅本回路：查接头发热、零线、过载。",
            "All of the building: call 95598; this circuit alone: hot joints, neutral, overload.",
        ),
        ("超限持续：先切除非重要负荷，再处理。", "If it lasts, drop less important loads first."),
        ("停电操作必须停电、验电、挂牌、专人监护。", "Isolate, test, tag, with a second person watching."),
    ),
    guide(
        "hvac-fault",
        ("风机、水泵、空调故障处理", "Fan, pump or air conditioning fault"),
        ("记录故障代码、运行电流和环境温度后再复位。", "Note fault code, current and temperature before any reset."),
        (
            "切到备用机或手动，确认送排风、供水未中断。",
            "Change to the reserve or to manual; see that air and water still flow.",
        ),
        ("断电后查电机、轴承、皮带、过滤网、阀门。", "Power off: motor, bearings, belt, filter, valves."),
        ("同一代码再次出现不得反复复位，联系厂家。", "The same code again: no further resets, call the maker."),
    ),
    guide(
        "environment-check",
        ("环境指标异常处理", "Environment out of range"),
        ("到场用手持仪表复测。", "Measure again with a hand-held instrument."),
        (
            "地下车库一氧化碳、异味：先通风、劝离人员，再查原因。",
            "Carbon monoxide or smell in a garage: air it and move people away first.",
        ),
        (
            "查空调、排风、门窗和热源；处理后观察15分钟。",
            "Look at cooling, extraction, windows and heat sources; then watch it for 15 minutes.",
        ),
    ),
    guide(
        "access-fault",
        ("门禁设备故障处理", "Access control fault"),
        (
            "出入口有人被挡的先派人值守，核验身份后人工放行。",
            "People are waiting: post someone who checks and lets them in.",
        ),
        ("查电源、网络、读卡器、锁体、门磁。", "Check supply, network, reader, lock, contact."),
        ("修复后刷卡、按钮、消防释放各试一次。", "After the repair try a card, the button and the fire release."),
    ),
    guide(
        "door-held",
        ("门长时间未关处理", "A door held open"),
        ("看监控：搬运、施工还是门被顶住。", "Look at the camera: moving house, work, or wedged?"),
        ("到场移开障碍，关门，查闭门器和门磁。", "Go and clear it, close it, look at closer and contact."),
        (
            "搬运需要常开的，派人值守并登记结束时间。",
            "If it must stay open, someone guards it, and the end is written down.",
        ),
    ),
    guide(
        "door-lockout",
        ("多次识别失败处理", "Too many failed attempts"),
        (
            "看监控辨认：住户卡失效，还是有人试卡、试密码。",
            "Look at the camera: a resident's card that ended, or somebody trying?",
        ),
        ("住户：核验身份后人工放行，并更新卡权限。", "A resident: check, let in, renew the card."),
        (
            "可疑人员：上前询问，必要时报警，留存录像。",
            "A stranger: ask, call the police if need be, keep the recording.",
        ),
    ),
    guide(
        "door-lock-failed",
        ("门锁未动作处理", "A lock that did not act"),
        (
            "到场：有人被困或被挡先用钥匙或紧急按钮放行。",
            "Go there: anyone kept in or out is let through by key or emergency button.",
        ),
        ("该门是疏散通道的，固定在常开状态并值守。", "On an escape route: wedge it open and guard it."),
        ("查锁电源、继电器、锁舌卡滞、反馈线。", "Check the lock's supply, relay, bolt, feedback."),
        ("连续开关10次正常后恢复。", "Back in service after ten good cycles."),
    ),
    guide(
        "parking-fault",
        ("停车设备故障处理", "Parking equipment fault"),
        (
            "派人到车道人工放行，摆放锥桶，防止砸车砸人。",
            "Man the lane and set cones; nobody drives or walks under the barrier.",
        ),
        ("道闸断电后手动抬杆，查地感、遥控、电机。", "Power off, raise by hand; check loop, remote, motor."),
        ("恢复前用车辆进出各试两次。", "Try two cars each way before it is back."),
    ),
    guide(
        "cleaning-request",
        ("保洁请求处理", "Cleaning request"),
        ("湿滑、玻璃碎片先放警示牌。", "Wet floor or glass: signs first."),
        ("清理，拍照，回复请求人。", "Clean, take a photograph, answer whoever asked."),
        ("油污、呕吐物、针头等按规定防护和消毒。", "Oil, vomit, needles: protection and disinfection by the rules."),
    ),
    guide(
        "patrol-missed",
        ("漏巡补巡", "A patrol missed"),
        ("联系当班人员，确认其安全。", "Call whoever is on duty; see that they are well."),
        ("30分钟内补巡该点并打卡。", "Patrol the point within 30 minutes and check in."),
        (
            "记录原因：人手、路线、打卡点故障；点位故障转工程部。",
            "Record why: staff, route, or the point itself; then engineering.",
        ),
    ),
    guide(
        "device-offline",
        ("设备离线排查", "A device offline"),
        (
            "看同一链路、同一配电的其他设备是否也离线；是则先查公共原因。",
            "Are others on the same link or circuit offline too? Then the common cause first.",
        ),
        ("查供电：空开、电源适配器、电池。", "Power: breaker, adapter, battery."),
        (
            "查通信：总线端子、终端电阻、网线；无线查信号和中继。",
            "Communication: terminals, terminating resistor, cable; radio: signal and routers.",
        ),
        (
            "查地址是否被改或重复：edgegw device read。",
            "Address changed or doubled: `edgegw device read`.",
        ),
        ("安防、消防类设备离线期间加强人工巡查。", "Patrol what a safety device no longer watches."),
    ),
    guide(
        "link-down",
        ("链路中断排查", "A link down"),
        ("串口：适配器是否在位，线缆、供电、串口服务器。", "Serial: adapter, cable, supply, serial server."),
        (
            "网络：交换机、网线、IP；MQTT：代理服务、账号、证书到期。",
            "Network: switch, cable, address; MQTT: broker, account, certificate expired.",
        ),
        (
            "看日志：journalctl -u edgegw；原因写在告警的 reason。",
            "Read the log: `journalctl -u edgegw`; the alarm's `reason` says why.",
        ),
        (
            "恢复后确认其下设备陆续上线；期间相关区域人工巡查。",
            "Afterwards see its devices come back; patrol meanwhile.",
        ),
    ),
    guide(
        "feed-lost",
        ("多台设备同时失联排查", "Many devices lost at once"),
        (
            "看失联设备共有什么：同一配电、交换机、网桥、总线还是楼层。",
            "What have they in common: circuit, switch, bridge, bus, floor?",
        ),
        ("先查该处供电：空开、电源适配器、UPS。", "Its power first: breaker, adapter, UPS."),
        (
            "再查网络和总线：交换机指示灯、网桥、终端电阻、被剪断的线。",
            "Then network and bus: switch lights, bridge, terminating resistor, a cut cable.",
        ),
        (
            "失联期间该区域的门、烟感、水浸由人工巡查。",
            "Meanwhile people patrol what its doors, smoke and leak sensors no longer watch.",
        ),
        (
            "恢复后确认设备全部上线；仍离线的单独处理。",
            "Afterwards see that all are back; what is not is worked on by itself.",
        ),
    ),
    guide(
        "battery",
        ("更换电池", "Changing a battery"),
        ("按型号带新电池，同一楼栋一次换齐。", "Take the right type; change a building's at once."),
        ("更换后触发一次，确认网关收到且电量刷新。", "Trigger it once; the gateway sees it and the level is new."),
        ("旧电池按有害垃圾回收。", "Old batteries go to hazardous waste."),
    ),
    guide(
        "gateway-condition",
        ("网关自身告警处理", "The gateway's own alarm"),
        (
            "先看是否影响门禁和报警：edgegw alarms、控制台。",
            "First: are doors and alarms affected? `edgegw alarms`, the console.",
        ),
        (
            "平台拒绝：查令牌、证书、时间；网络：查外网和防火墙。",
            "Refused: token, certificate, clock. Network: line and firewall.",
        ),
        (
            "存储：查磁盘空间与健康，edgegw store verify；先备份再操作。",
            "Store: disk space and health, `edgegw store verify`; back up before anything.",
        ),
        ("恢复后核对积压已送完：edgegw store stats。", "Afterwards the backlog is gone: `edgegw store stats`."),
    ),
)
"""Nothing here replaces a certificate or the law; a site lays its own over these."""
