"""The shipped emergency plans: what people do when it is serious, in both languages.

Owns: the texts. Must not know: which alarm they are for (defaults.py).

After common practice in Chinese communities: fire after GB 25506 section 4.2.2 (confirm, automatic mode, 119, evacuate, report),
lift entrapment after TSG T5002 (contractor on site within 30 minutes). A site with plans of its own writes them over these.
"""

from edgegw.profiles.fields import Text
from edgegw.service.specs import Guide


def guide(id_: str, title: tuple[str, str], *steps: tuple[str, str]) -> Guide:
    """A guide from pairs of Chinese and English."""
    return Guide(id_, Text(zh=title[0], en=title[1]), tuple(Text(zh=zh, en=en) for zh, en in steps))


PLANS = (
    guide(
        "fire-alarm",
        ("火灾报警处置预案", "Fire alarm"),
        (
            "立即派人携带灭火器和对讲机到报警部位确认，同时调看该处监控。",
            "Send someone with extinguisher and radio to the place at once; look at its cameras meanwhile.",
        ),
        (
            "误报：消音、复位，查明原因并记录，处置结束。",
            "False alarm: silence, reset, find and record the cause; done.",
        ),
        (
            "确认火灾：确认消防联动处于自动状态，核对门禁已释放、电梯已迫降、排烟已启动。",
            "Real fire: check that the fire controls are on automatic; doors released, lifts recalled, smoke extraction running.",
        ),
        (
            "拨打119：说明地址、起火部位、燃烧物、火势、有无人员被困、报警人姓名和电话。",
            "Call 119: address, where, what burns, how large, people trapped, your name and number.",
        ),
        (
            "用消防广播逐层疏散，先着火层及其上层；走疏散楼梯，不乘电梯。",
            "Evacuate by the fire broadcast, the fire's floor and those above first; stairs only, no lifts.",
        ),
        (
            "切断着火区域的非消防电源和燃气；火小且退路安全时用灭火器、消火栓扑救。",
            "Cut ordinary power and gas to the area; fight the fire only while it is small and the way back is safe.",
        ),
        (
            "清空消防车道，派人在小区门口引导消防车。",
            "Clear the fire lane; someone meets the fire engines at the gate.",
        ),
        (
            "报告项目负责人；清点人数，保护现场，记录全过程。",
            "Report to the manager; count people, leave the scene as it is, record everything.",
        ),
    ),
    guide(
        "gas-leak",
        ("燃气泄漏处置预案", "Gas leak"),
        (
            "泄漏区域内不开关任何电器，不打电话，不用明火，不按门铃，不乘电梯。",
            "In the area: no switches, no telephones, no flames, no door bells, no lifts.",
        ),
        (
            "佩戴防护，用防爆工具关闭入户阀或楼栋总阀，打开门窗自然通风，不开排风扇。",
            "With protection and spark-free tools close the flat's or the building's valve; open windows, no fans.",
        ),
        (
            "疏散泄漏楼层及上下楼层人员到上风向的室外空旷处。",
            "Evacuate the floor and those above and below to the open air, upwind.",
        ),
        (
            "在室外安全处拨打燃气公司抢修电话和119。",
            "From a safe place outside call the gas company's emergency line and 119.",
        ),
        (
            "在外围切断该区域电源，设警戒线，禁止人员和车辆进入。",
            "Cut the area's power from outside; close it off to people and vehicles.",
        ),
        (
            "有人头晕、昏迷：移到空气新鲜处，拨打120。",
            "Anyone dizzy or unconscious: into fresh air, call 120.",
        ),
        (
            "燃气公司检测合格前，不得恢复供气、供电和入住。",
            "No gas, power or return before the gas company has measured and released.",
        ),
    ),
    guide(
        "lift-entrapment",
        ("电梯困人救援预案", "Lift entrapment"),
        (
            "用轿厢对讲安抚：告知已派人救援，不要扒门、踹门，远离轿门坐稳；问清人数和身体状况。",
            "Talk to them on the intercom: help is coming, keep off the door and sit down; ask how many and how they are.",
        ),
        (
            "通知电梯维保单位，记录时间；应在30分钟内到场，否则拨打96333或119。",
            "Call the lift contractor and note the time; if not there within 30 minutes call 96333 or 119.",
        ),
        ("有人受伤或突发疾病：同时拨打120和119。", "Anyone hurt or ill: call 120 and 119 at once."),
        (
            "基站和停靠层放置警示牌并留人看守，防止他人乘梯或坠入井道。",
            "Put up signs and keep people away at the lift's doors.",
        ),
        (
            "由持证人员（特种设备T证）切断电梯主电源后平层放人；无证人员不得动手。",
            "Only certified people (T certificate) release them, main switch off, car levelled; nobody else touches the lift.",
        ),
        (
            "救出后查看身体状况，记录姓名和联系电话，致歉并回访。",
            "Look after those released; take names and numbers; call them later.",
        ),
        (
            "电梯停用，维保单位查明原因、检验合格并书面确认后方可恢复。",
            "The lift stays off until the contractor has found the cause and released it in writing.",
        ),
    ),
    guide(
        "flooding",
        ("跑水、爆管处置预案", "Burst pipe, flooding"),
        (
            "核对联动关阀是否已执行；到现场确认水源：给水、排水、消防还是雨水。",
            "See whether a valve was closed already; go and find the source: supply, drain, fire water or rain.",
        ),
        (
            "关闭最近的上游阀门；找不到时关闭楼栋总阀，停水前通知客服。",
            "Close the nearest valve upstream, else the building's main; tell the front desk first.",
        ),
        (
            "水浸及电气设备时先切断该处电源，再进入积水区域。",
            "Where water reaches electrics, switch them off before anyone steps into the water.",
        ),
        (
            "电梯停到高层并断电，电梯口、配电房、弱电井筑挡水沙袋。",
            "Park lifts on a high floor, power off; sandbags at lift, switch room and riser doors.",
        ),
        (
            "启动集水坑水泵和移动泵排水，查看地下车库最低处。",
            "Run sump and mobile pumps; look at the lowest point of the garage.",
        ),
        (
            "联系上下层住户，入户查看，拍照留存受损情况。",
            "Call the neighbours above and below, look inside, take photographs of damage.",
        ),
        (
            "抢修后试压恢复供水，回访受影响住户。",
            "Repair, test pressure, restore the supply, call back those affected.",
        ),
    ),
    guide(
        "power-outage",
        ("停电处置预案", "Power outage"),
        (
            "确认范围：单户、楼栋还是整个小区；先查电梯是否困人。",
            "Find the extent: flat, building or community; first see whether anyone is in a lift.",
        ),
        (
            "外部停电：拨打95598询问原因和恢复时间，由客服通知住户。",
            "Supply failure: call 95598 for cause and time; the front desk tells residents.",
        ),
        (
            "确认应急照明、消防设备、监控、门禁的备用电源已投入。",
            "Check that emergency lights, fire systems, cameras and doors run on their reserve.",
        ),
        (
            "有发电机的：确认市电已断开、互锁可靠后启动，优先消防、电梯、生活水泵。",
            "With a generator: only with the mains open and interlocked; fire systems, lifts and water pumps first.",
        ),
        (
            "内部跳闸：持证电工查明故障并排除后方可合闸，不得强送电；停电、验电、挂牌。",
            "A breaker of ours: a certified electrician clears the fault before closing it, never by force; isolate, test, tag.",
        ),
        ("门禁失电的出入口派人值守。", "Post people at entrances whose doors lost power."),
        (
            "来电后逐项核对电梯、水泵、消防主机、门禁恢复正常。",
            "With power back check lifts, pumps, fire panel and doors one by one.",
        ),
    ),
    guide(
        "intrusion",
        ("非法闯入处置预案", "Intrusion, forced door"),
        ("调看报警部位监控，保存前后各10分钟录像。", "Look at the cameras there; keep ten minutes before and after."),
        (
            "两人一组到现场，保持对讲，携带防护器材，不单独进入。",
            "Go in twos, in radio contact, with protection; never enter alone.",
        ),
        ("封控附近出入口，观察人员车辆离开方向。", "Watch the exits nearby and who leaves by them."),
        (
            "发现嫌疑人：保持距离监视，拨打110，不追赶、不动手，确保自身安全。",
            "A suspect: keep distance and sight, call 110; no chase, no fight.",
        ),
        ("门锁损坏的安排值守，通知工程部修复。", "Guard a broken door until engineering has repaired it."),
        (
            "有损失或痕迹：保护现场等待警方，通知受影响住户。",
            "Traces or losses: leave the scene to the police, tell those affected.",
        ),
        ("误报：关好门，记录原因。", "False alarm: close the door, record the cause."),
    ),
    guide(
        "duress",
        ("胁迫报警处置预案", "Duress"),
        (
            "保持安静：不得致电、喊话或上门询问，不得让门口显示报警。",
            "Keep quiet: no call, no voice, no visit at the door; nothing there may show that there was an alarm.",
        ),
        ("立即拨打110，说明胁迫报警、地点、门号和持卡人。", "Call 110 at once: duress signal, address, door, holder."),
        (
            "用监控远距离观察并录像，记录人数、特征、车辆。",
            "Watch and record by camera: how many, what they look like, vehicles.",
        ),
        ("隐蔽封控各出入口，放行住户，等待警方。", "Quietly man the exits, let residents pass, wait for the police."),
        ("听从警方指挥，提供录像和通行记录。", "Do as the police say; give them recordings and door records."),
        (
            "事后更换该持卡人的卡和胁迫码，回访。",
            "Afterwards replace the holder's card and duress code, and call back.",
        ),
    ),
    guide(
        "sos",
        ("紧急求助处置预案", "Emergency call"),
        (
            "立即回拨或对讲联系求助人，问清情况；同时派最近的人员前往。",
            "Call back at once and ask what is wrong; send whoever is nearest meanwhile.",
        ),
        (
            "无人应答按最严重处理：5分钟内到场，敲门、联系家属。",
            "No answer means the worst: be there within 5 minutes, knock, call relatives.",
        ),
        (
            "生命危险而无法进入时，由两人以上见证、录像并联系110或119开门。",
            "Life at risk and no way in: with two witnesses and video call 110 or 119 to open the door.",
        ),
        (
            "伤病：拨打120，清空通道，派人接引；会急救的人员先行施救，取用AED。",
            "Hurt or ill: call 120, clear the way, meet them; trained people begin first aid, fetch the AED.",
        ),
        ("纠纷或人身威胁：拨打110，先确保自身安全。", "Violence or threat: call 110, your own safety first."),
        ("误触：核实本人安全后记录。", "Pressed by mistake: see that the person is well, record it."),
    ),
)
"""In the order of docs/service.md."""
